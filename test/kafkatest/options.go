package kafkatest

import (
	"cmp"
	"errors"
)

// Oldest is the oldest release that the bridge is promised to work with.
const Oldest = "2.4.1"

// Options describe a cluster. The zero value is one node with one plaintext
// listener, the settings of which suit tests (see properties).
type Options struct {
	// Nodes is the number of nodes, each broker and controller in one.
	//
	// Default: 1
	Nodes int

	// Release is Oldest for a node as it was then, with a ZooKeeper beside it: one
	// node, without Users and ACLs, that cannot be restarted.
	//
	// Default: what all other tests run on
	Release string

	// Properties are added to server.properties and win over the defaults.
	Properties map[string]string

	// Users maps names to passwords and adds three listeners: Secure (SASL_SSL
	// with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER), Mutual
	// (SSL with a client certificate) and Named (SSL, under another name than its
	// address). OAUTHBEARER takes any unsecured JWT with the scope Scope, whose
	// subject is then the principal, unless there is an Issuer.
	Users map[string]string

	// Issuer makes OAUTHBEARER take what it signs for Audience, and nothing else.
	Issuer *Issuer

	// Racks are the racks of the nodes, in their order, whose leaders then name a replica
	// in the rack of whoever reads (KIP-392).
	Racks []string

	// Fronts are addresses of the test's own, one for each node, in front of a further
	// plaintext listener, Behind: whoever comes that way is told these.
	Fronts []string

	// ACLs refuses everything that no ACL allows to everyone but the plaintext
	// listener's clients, who may do all. The principal of a client
	// certificate is "User:CN=client".
	ACLs bool
}

func (o Options) release() string { return cmp.Or(o.Release, kafkaVersion) }

// old says whether the node needs a ZooKeeper.
func (o Options) old() bool { return o.release() == Oldest }

func (o Options) check() error {
	switch {
	case o.release() != kafkaVersion && !o.old():
		return errors.New("no such release: " + o.Release)
	case o.old() && (o.nodes() > 1 || o.secure() || o.ACLs):
		return errors.New("an old node has no others beside it, and no users")
	}
	return nil
}

func (o Options) nodes() int { return max(o.Nodes, 1) }

func (o Options) secure() bool { return len(o.Users) > 0 }
