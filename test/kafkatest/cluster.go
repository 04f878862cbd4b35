package kafkatest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/test/child"
)

// startTimeout bounds how long a cluster may take to answer. A machine of two
// cores needs about ten seconds for three nodes, a very busy one minutes.
const startTimeout = 5 * time.Minute

// Cluster is a running Kafka.
type Cluster struct {
	Nodes []*Node // empty when TEST_KAFKA_BROKERS names an external cluster

	CAFile   string // signs the certificates of the TLS listeners
	CertFile string // a client's certificate for Mutual
	KeyFile  string // and its key

	ServerFile string // key and certificate of the brokers, good for any server on 127.0.0.1

	brokers []string
	client  *kgo.Client // plaintext, for waiting and administration
}

// Start starts a cluster with its files under dir, and waits until it answers.
// The caller must Stop it. ctx bounds the start only. A node that ends at its
// start, as where another process was faster to take one of its ports, costs
// another try.
func Start(ctx context.Context, dir string, o Options) (*Cluster, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	libs, err := jars(ctx, o.release())
	if err != nil {
		return nil, err
	}
	const tries = 3
	var errs []error
	for try := range tries {
		c, err := start(ctx, filepath.Join(dir, fmt.Sprintf("try-%d", try+1)), libs, o)
		if err == nil {
			return c, nil
		}
		if errs = append(errs, err); !errors.Is(err, errEnded) {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// errEnded says that a node has ended at its start.
var errEnded = errors.New("node ended at its start")

func start(ctx context.Context, dir, libs string, o Options) (*Cluster, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	c := &Cluster{}
	if err := c.prepare(ctx, dir, libs, o); err != nil {
		return nil, err
	}
	for _, n := range c.Nodes {
		if err := n.start(); err != nil {
			c.Stop()
			return nil, err
		}
	}
	if err := c.connect(); err != nil {
		c.Stop()
		return nil, err
	}
	if err := c.await(ctx, len(c.Nodes)); err != nil {
		at := cmp.Or(c.dead(), c.Nodes[0])
		err = fmt.Errorf("%w\nthe log of node %d ends with\n%s", err, at.id, at.logTail())
		c.Stop()
		return nil, err
	}
	return c, nil
}

// prepare writes configuration and certificates and formats the storage.
func (c *Cluster) prepare(ctx context.Context, dir, libs string, o Options) error {
	id := clusterID()
	var keys *pki
	if o.secure() {
		var err error
		if keys, err = newPKI(dir); err != nil {
			return err
		}
		c.CAFile, c.CertFile, c.KeyFile, c.ServerFile = keys.ca, keys.cert, keys.key, keys.broker
	}
	all, err := freePorts(ctx, o.nodes())
	if err != nil {
		return err
	}
	for i, p := range all {
		n := &Node{id: i + 1, libs: libs, dir: filepath.Join(dir, fmt.Sprintf("node-%d", i+1)), Addr: p.addr(p.plain)}
		if o.secure() {
			n.Secure, n.Mutual, n.Named = p.addr(p.secure), p.addr(p.mutual), p.addr(p.named)
		}
		if len(o.Fronts) > 0 {
			n.Behind = p.addr(p.behind)
		}
		if err := os.MkdirAll(n.dir, 0o755); err != nil {
			return fmt.Errorf("create folder of node %d: %w", n.id, err)
		}
		if o.Issuer != nil {
			n.keys = n.file("jwks.json")
			if err := os.WriteFile(n.keys, o.Issuer.keySet(), 0o600); err != nil {
				return fmt.Errorf("write keys of the issuer: %w", err)
			}
		}
		text := properties(o, all, n, keys)
		if err := os.WriteFile(n.file("server.properties"), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write properties of node %d: %w", n.id, err)
		}
		if o.old() {
			n.zookeeper = p.controller
		} else if err := n.format(ctx, id, o.Users); err != nil {
			return err
		}
		c.Nodes = append(c.Nodes, n)
		c.brokers = append(c.brokers, n.Addr)
	}
	return nil
}

func (c *Cluster) connect() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.RetryTimeout(5*time.Second))
	if err != nil {
		return fmt.Errorf("create client: %w", err)
	}
	c.client = client
	return nil
}

// await waits until the cluster answers with as many brokers.
func (c *Cluster) await(ctx context.Context, brokers int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if c.answers(ctx, brokers) {
			return nil
		}
		if n := c.dead(); n != nil {
			return fmt.Errorf("%w: node %d, with code %d", errEnded, n.id, n.proc.ExitCode())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d brokers: %w", brokers, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *Cluster) answers(ctx context.Context, brokers int) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	// A request of our own: kadm would answer from its cache.
	m, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, c.client)
	return err == nil && len(m.Brokers) == brokers
}

func (c *Cluster) dead() *Node {
	for _, n := range c.Nodes {
		if !n.proc.Alive() {
			return n
		}
	}
	return nil
}

// Restart starts a killed node again on its old data and address, and waits
// until the whole cluster answers.
func (c *Cluster) Restart(ctx context.Context, n *Node) error {
	if n.proc.Alive() {
		return errors.New("restart node: it still runs")
	}
	if err := n.start(); err != nil {
		return err
	}
	return c.await(ctx, len(c.Nodes))
}

// Brokers are the plaintext addresses, as a comma-separated list.
func (c *Cluster) Brokers() string { return strings.Join(c.brokers, ",") }

// Admin is a client for topics, offsets and ACLs on the plaintext listener.
func (c *Cluster) Admin() *kadm.Client { return kadm.NewClient(c.client) }

// Stop ends all nodes. It may be called more than once.
func (c *Cluster) Stop() {
	if c.client != nil {
		c.client.Close()
	}
	for _, n := range c.Nodes {
		n.stop()
	}
}

// clusterID is a random id in Kafka's alphabet.
func clusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f           // the tool takes a leading "-" for an option
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// freePorts finds the ports of n nodes.
func freePorts(ctx context.Context, n int) ([]ports, error) {
	free, err := child.FreePorts(ctx, 6*n)
	if err != nil {
		return nil, err
	}
	var all []ports
	for ; len(free) > 0; free = free[6:] {
		all = append(all, ports{free[0], free[1], free[2], free[3], free[4], free[5]})
	}
	return all, nil
}
