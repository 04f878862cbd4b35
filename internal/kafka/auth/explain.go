package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"kafka-import-bridge/internal/kafka"
)

// Explain turns an error of a call to the brokers into one sentence for the
// operator that names the remedy. What it does not know it returns as it is.
// It never holds a secret.
func (c Config) Explain(err error) string {
	if err == nil {
		return ""
	}
	for _, explain := range []func(error) string{
		explainToken, explainQuota, c.explainCode, explainHostname, explainAuthority, explainInvalid, explainHandshake, c.explainNetwork,
	} {
		if text := explain(err); text != "" {
			return text
		}
	}
	return err.Error()
}

// explainToken explains that no OAuth token could be had.
func explainToken(err error) string {
	if refused, ok := errors.AsType[*tokenRefused](err); ok {
		return fmt.Sprintf("no OAuth token: %v; check BRIDGE_KAFKA_SASL_OAUTH_CLIENT_ID, "+
			"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET and BRIDGE_KAFKA_SASL_OAUTH_SCOPES", refused)
	}
	if strings.Contains(err.Error(), "get OAuth token: ") {
		return fmt.Sprintf("no OAuth token: check BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL, and BRIDGE_HTTP_CA_FILE if its certificate is private (%v)", err)
	}
	return ""
}

// explainQuota explains that nothing is written for a while.
func explainQuota(err error) string {
	if throttled, ok := errors.AsType[*kafka.ThrottledError](err); ok {
		return throttled.Error() + ": raise producer_byte_rate or request_percentage of this client id or user (kafka-configs.sh)"
	}
	return ""
}

// explainCode explains an error code of a broker.
func (c Config) explainCode(err error) string {
	switch code, _ := kafka.CodeOf(err); code {
	case kafka.CodeTopicDenied:
		return explainTopic(err)
	case kafka.CodeAuthenticationFailed:
		return c.explainRefusal()
	case kafka.CodeUnsupportedMechanism:
		return fmt.Sprintf("the brokers do not offer %s on this listener; set BRIDGE_KAFKA_SASL_MECHANISM to one that they offer, or use another port in BRIDGE_KAFKA_BROKERS", c.Mechanism)
	case kafka.CodeIllegalSASLState:
		return "the listener does not expect SASL, or expects it to be finished first; check BRIDGE_KAFKA_SASL_MECHANISM and the port in BRIDGE_KAFKA_BROKERS"
	case kafka.CodeGroupDenied:
		return "no permission on the consumer group: the user needs READ on BRIDGE_KAFKA_GROUP_ID"
	case kafka.CodeInconsistentProtocol:
		return "another program has members in the consumer group: stop it, or choose another BRIDGE_KAFKA_GROUP_ID, since a group is for bridges only"
	case kafka.CodeUnknownMember, kafka.CodeIllegalGeneration:
		return "the group does not know this member any more, after a restart of its coordinator or an absence of longer than BRIDGE_KAFKA_SESSION_TIMEOUT; it joins again"
	case kafka.CodeCommitTooLarge:
		return "the coordinator cannot store so large a commit: raise max.message.bytes of __consumer_offsets"
	case kafka.CodeGroupFull:
		return "the consumer group has as many members as the brokers' group.max.size allows: run fewer replicas, or raise it"
	case kafka.CodeClusterDenied:
		return "no permission on the cluster: the brokers refuse this user; check BRIDGE_KAFKA_SASL_USERNAME and the cluster's ACLs"
	case kafka.CodeUnsupportedVersion:
		return explainVersion(err)
	}
	return ""
}

// explainTopic explains that a topic may not be read or written.
func explainTopic(err error) string {
	denied, ok := errors.AsType[*kafka.TopicDeniedError](err)
	switch {
	case !ok:
		return "no permission on a topic: the user needs READ and DESCRIBE on those of BRIDGE_KAFKA_TOPICS"
	case denied.Write:
		return fmt.Sprintf("no permission on topic %s: the user needs WRITE and DESCRIBE on BRIDGE_DLQ_TOPIC and BRIDGE_RECEIPTS_TOPIC", denied.Topic)
	}
	return fmt.Sprintf("no permission on topic %s: the user needs READ and DESCRIBE on those of BRIDGE_KAFKA_TOPICS", denied.Topic)
}

// explainVersion explains that what answers is no broker, or that it is too old.
func explainVersion(err error) string {
	if controller, ok := errors.AsType[*kafka.NotBrokerError](err); ok {
		return fmt.Sprintf("%v: use the brokers' addresses in BRIDGE_KAFKA_BROKERS", controller)
	}
	if old, ok := errors.AsType[*kafka.OldBrokerError](err); ok {
		return fmt.Sprintf("%v: upgrade the brokers to Kafka %s or newer", old, kafka.OldestRelease)
	}
	return fmt.Sprintf("the brokers do not speak all of the protocol of Kafka %s: upgrade them (%v)", kafka.OldestRelease, err)
}

// explainRefusal explains that the brokers refused the credentials.
func (c Config) explainRefusal() string {
	switch c.Mechanism {
	case MechanismOAuthBearer:
		return "the brokers refuse the OAuth token: check that BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL is the issuer that they trust, and BRIDGE_KAFKA_SASL_OAUTH_SCOPES"
	case MechanismAWSMSKIAM:
		return "the brokers refuse the AWS credentials: check the role's kafka-cluster:Connect permission, AWS_REGION and the clock"
	}
	return "the brokers refuse user name or password: check BRIDGE_KAFKA_SASL_USERNAME and BRIDGE_KAFKA_SASL_PASSWORD (or its _FILE), and that the user exists for " + c.Mechanism
}

// explainNetwork explains a connection that was not made, or broke without a
// reason.
func (c Config) explainNetwork(err error) string {
	if strings.Contains(err.Error(), syscall.EMFILE.Error()) { // a lookup of names keeps the text only
		return "the process has as many files and connections open as it may: raise the limit of open files (ulimit -n)"
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("host %s is not known here: check BRIDGE_KAFKA_BROKERS, and the brokers' advertised.listeners", lookup.Name)
	}
	switch timeout, ok := errors.AsType[net.Error](err); {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("no broker listens at %s: check BRIDGE_KAFKA_BROKERS, and the brokers' advertised.listeners", address(err))
	case errors.Is(err, context.DeadlineExceeded), ok && timeout.Timeout():
		return fmt.Sprintf("no answer in time from %s: check BRIDGE_KAFKA_BROKERS (does Kafka listen there?), firewalls, and whether the brokers are overloaded", address(err))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return c.explainHangUp()
	}
	return ""
}

// explainHangUp explains a broker that closed the connection without a word:
// what it does with a protocol that its listener does not speak.
func (c Config) explainHangUp() string {
	const hangUp = "the broker closed the connection without a reason: it may be stopping; if this never worked, "
	switch {
	case c.TLS && c.Mechanism == "":
		return hangUp + "its listener may not speak TLS (set BRIDGE_KAFKA_TLS=false) or may want credentials (set BRIDGE_KAFKA_SASL_MECHANISM)"
	case c.TLS:
		return hangUp + "its listener may not speak TLS (set BRIDGE_KAFKA_TLS=false, or use another port in BRIDGE_KAFKA_BROKERS)"
	case c.Mechanism == "":
		return hangUp + "its listener may want TLS (set BRIDGE_KAFKA_TLS=true) or credentials (set BRIDGE_KAFKA_SASL_MECHANISM)"
	}
	return hangUp + "its listener may want TLS (set BRIDGE_KAFKA_TLS=true, or use another port in BRIDGE_KAFKA_BROKERS)"
}

// address returns where the failed connection went to, as far as err knows.
func address(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Addr != nil {
		return op.Addr.String()
	}
	return "the brokers"
}

// Refuses reports whether an error is a refusal of the credentials, by a broker
// or by the endpoint that issues tokens for it.
func Refuses(err error) bool {
	if refused, ok := errors.AsType[*tokenRefused](err); ok {
		return refused.aboutClient()
	}
	code, ok := kafka.CodeOf(err)
	return ok && code == kafka.CodeAuthenticationFailed
}
