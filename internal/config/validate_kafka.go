package config

import (
	"net"
	"regexp"
	"strings"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
)

func (l *loader) validateKafka() {
	k := &l.config.Kafka
	for _, broker := range k.Brokers {
		host, port, err := net.SplitHostPort(broker)
		l.require(err == nil && host != "" && isPort(port, 1) && !strings.ContainsAny(host, notInHost),
			"want host:port,... such as kafka-0:9092,kafka-1:9092", varBrokers)
	}
	l.require(k.InstanceID == "" || instanceName.MatchString(k.InstanceID),
		"want at most 128 letters, digits, '.', '_' or '-'", "BRIDGE_INSTANCE_ID")
	l.require(k.LeaveOnStop || k.InstanceID != "",
		"false needs BRIDGE_INSTANCE_ID: without a name nobody could come back as this member", "BRIDGE_LEAVE_ON_STOP")
	for _, id := range []struct{ variable, name string }{
		{"BRIDGE_KAFKA_GROUP_ID", k.GroupID},
		{"BRIDGE_KAFKA_CLIENT_ID", k.ClientID},
		{"BRIDGE_KAFKA_RACK", k.Rack},
	} {
		l.require(len(id.name) <= 249 && !strings.ContainsFunc(id.name, isControl),
			"want at most 249 bytes without control characters", id.variable)
	}
	l.require(3*k.HeartbeatInterval <= k.SessionTimeout,
		"want at most a third of BRIDGE_KAFKA_SESSION_TIMEOUT ("+k.SessionTimeout.String()+")",
		"BRIDGE_KAFKA_HEARTBEAT_INTERVAL", "BRIDGE_KAFKA_SESSION_TIMEOUT")
	l.require(k.SessionTimeout <= k.RebalanceTimeout,
		"want at most BRIDGE_KAFKA_REBALANCE_TIMEOUT ("+k.RebalanceTimeout.String()+")",
		"BRIDGE_KAFKA_SESSION_TIMEOUT", "BRIDGE_KAFKA_REBALANCE_TIMEOUT")
}

// notInHost has the characters that show a URL or credentials in place of a host.
const notInHost = "/@?# "

var instanceName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// topicFault says why name cannot be a topic's, or returns "".
func topicFault(name string) string {
	if !kafka.ValidTopic(name) {
		return "want a topic name: at most 249 letters, digits, '.', '_' or '-'"
	}
	return ""
}

func (l *loader) validateTopics() {
	k := &l.config.Kafka
	byList, byRegex := l.given(varTopics), l.given(varTopicRegex)
	l.require(byList || byRegex, "it is required, or "+varTopicRegex, varTopics)
	l.require(!byList || !byRegex, "set this or "+varTopics+", not both", varTopicRegex)
	for _, topic := range k.Topics {
		problem := topicFault(topic)
		l.require(problem == "", problem+"; several are separated by commas", varTopics)
	}
	if l.sound(varTopics, varNamespace, varNamespaceMap) {
		l.validateTopicNamespaces()
	}
}

// validateTopicNamespaces refuses listed topics that would be namespaces and
// cannot be: each of their records would be invalid.
func (l *loader) validateTopicNamespaces() {
	n := &l.config.Namespace
	if !n.Source.IsTopic() {
		return
	}
	var entries, bad []string
	for _, topic := range l.config.Kafka.Topics {
		if _, mapped := n.Map.Lookup(topic); !mapped && !record.ValidNamespace(topic) {
			bad = append(bad, topic)
			entries = append(entries, topic+"="+strings.ReplaceAll(topic, ".", "_"))
		}
	}
	if len(bad) == 0 {
		return
	}
	if text := l.config.effective[varNamespaceMap]; text != "" {
		entries = append([]string{text}, entries...)
	}
	l.fault(varTopics, strings.Join(bad, ", ")+" cannot be a namespace (letters, digits, '_' and '-'); name one with "+
		varNamespaceMap+"="+strings.Join(entries, ",")+" or set "+varNamespace)
}

func (l *loader) validateTLS() {
	t := &l.config.Kafka.TLS
	const certFile, keyFile = "BRIDGE_KAFKA_TLS_CERT_FILE", varTLSKeyFile
	l.validateRoots("BRIDGE_KAFKA_TLS_CA_FILE", t.CAFile)
	l.require(t.CertFile == "" || t.KeyFile != "", "needs "+keyFile, certFile)
	l.require(t.KeyFile == "" || t.CertFile != "", "needs "+certFile, keyFile)
	if t.CertFile != "" && t.KeyFile != "" {
		if err := checkKeyPair(t.CertFile, t.KeyFile); err != nil {
			l.require(false, err.Error()+" ("+keyFile+")", certFile)
		}
	}
}
