package kafkatest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ports are the loopback ports of one node.
type ports struct{ plain, controller, secure, mutual, named, behind int }

func (p ports) addr(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// properties renders the server.properties of a node.
func properties(o Options, all []ports, n *Node, pki *pki) string {
	props := defaults(len(all))
	me := all[n.id-1]
	maps.Copy(props, roles(o, all, n))
	props["inter.broker.listener.name"] = "PLAIN"
	props["listener.security.protocol.map"] = "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL,NAMED:SSL,FRONT:PLAINTEXT"
	props["log.dirs"] = n.DataDir()
	brokers := "PLAIN://" + me.addr(me.plain)
	if o.secure() {
		brokers += ",SECURE://" + me.addr(me.secure) + ",MUTUAL://" + me.addr(me.mutual) + ",NAMED://" + me.addr(me.named)
		maps.Copy(props, security(o.Users, pki))
	}
	props["advertised.listeners"] = brokers
	if props["listeners"] = brokers; !o.old() {
		props["listeners"] += ",CONTROLLER://" + me.addr(me.controller)
	}
	if len(o.Fronts) > 0 {
		props["advertised.listeners"] += ",FRONT://" + o.Fronts[n.id-1]
		props["listeners"] += ",FRONT://" + n.Behind
	}
	if len(o.Racks) > 0 {
		props["broker.rack"] = o.Racks[n.id-1]
		props["replica.selector.class"] = "org.apache.kafka.common.replica.RackAwareReplicaSelector"
	}
	if o.Issuer != nil {
		maps.Copy(props, signedTokens(n.keys))
	}
	if o.ACLs {
		props["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		props["super.users"] = "User:ANONYMOUS"
	}
	maps.Copy(props, o.Properties)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(props)) {
		fmt.Fprintf(&b, "%s=%s\n", name, props[name])
	}
	return b.String()
}

// voters lists the controllers of a cluster.
func voters(all []ports) string {
	var list []string
	for i, p := range all {
		list = append(list, fmt.Sprintf("%d@%s", i+1, p.addr(p.controller)))
	}
	return strings.Join(list, ",")
}

// defaults suit tests: groups form at once, short sessions and records of any
// size are allowed, and retention and compaction act within a second.
func defaults(nodes int) map[string]string {
	copies := strconv.Itoa(nodes)
	inSync := strconv.Itoa(nodes/2 + 1) // one node of three may be down
	return map[string]string{
		"broker.heartbeat.interval.ms":             "500",
		"broker.session.timeout.ms":                "3000", // a killed node may register again after this
		"auto.create.topics.enable":                "false",
		"group.initial.rebalance.delay.ms":         "0",
		"group.min.session.timeout.ms":             "500",
		"log.cleaner.backoff.ms":                   "200",
		"log.retention.check.interval.ms":          "500",
		"log.segment.delete.delay.ms":              "500",
		"message.max.bytes":                        "67108864",
		"min.insync.replicas":                      inSync,
		"offsets.topic.num.partitions":             "4",
		"offsets.topic.replication.factor":         copies,
		"replica.fetch.max.bytes":                  "67108864",
		"share.coordinator.state.topic.min.isr":    inSync,
		"transaction.state.log.min.isr":            inSync,
		"transaction.state.log.num.partitions":     "4",
		"transaction.state.log.replication.factor": copies,
	}
}

// security configures the Secure, Mutual and Named listeners. A SCRAM password is not
// here: it is written to the log when the storage is formatted.
func security(users map[string]string, pki *pki) map[string]string {
	plain := "org.apache.kafka.common.security.plain.PlainLoginModule required"
	for _, name := range slices.Sorted(maps.Keys(users)) {
		plain += fmt.Sprintf(" user_%s=%q", name, users[name])
	}
	// The module logs in itself, too, once it has an option: hence the subject.
	bearer := fmt.Sprintf("org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=broker unsecuredValidatorRequiredScope=%q;", Scope)
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	return map[string]string{
		"sasl.enabled.mechanisms":                             "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"listener.name.secure.plain.sasl.jaas.config":         plain + ";",
		"listener.name.secure.scram-sha-256.sasl.jaas.config": scram,
		"listener.name.secure.scram-sha-512.sasl.jaas.config": scram,
		"listener.name.secure.oauthbearer.sasl.jaas.config":   bearer,
		"listener.name.mutual.ssl.client.auth":                "required",
		"listener.name.named.ssl.keystore.location":           pki.named,
		"ssl.keystore.type":                                   "PEM",
		"ssl.keystore.location":                               pki.broker,
		"ssl.truststore.type":                                 "PEM",
		"ssl.truststore.location":                             pki.ca,
	}
}
