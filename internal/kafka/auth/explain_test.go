package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/auth"
)

// hangUp listens like a broker whose listener speaks something else: it reads
// the first bytes of what the client says and closes.
func hangUp(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // ends when the listener is closed
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, 4))
			conn.Close()
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	return listener.Addr().String()
}

func TestExplain_hangUp(t *testing.T) {
	const noTLS, wantsTLS, wantsSASL = "set BRIDGE_KAFKA_TLS=false", "set BRIDGE_KAFKA_TLS=true", "set BRIDGE_KAFKA_SASL_MECHANISM"
	for _, tc := range []struct {
		name string
		auth auth.Config
		want []string
	}{
		{"nothing", auth.Config{}, []string{wantsTLS, wantsSASL}},
		{"TLS", auth.Config{TLS: true}, []string{noTLS, wantsSASL}},
		{"SASL", auth.Config{Mechanism: "PLAIN", Password: always("x")}, []string{wantsTLS}},
		{"both", auth.Config{TLS: true, Mechanism: "PLAIN", Password: always("x")}, []string{noTLS}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr := hangUp(t)
			for _, want := range tc.want {
				explains(t, tc.auth, addr, want)
			}
		})
	}
}

func TestExplain_unreachable(t *testing.T) {
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", hangUp(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	addr := conn.LocalAddr().String() // where nobody can listen while the connection is open
	explains(t, auth.Config{}, addr, "no broker listens at "+addr+": check BRIDGE_KAFKA_BROKERS")
}

func TestExplain_unsupportedMechanism(t *testing.T) {
	addr := broker(t, kfake.EnableSASL())
	auth := auth.Config{Mechanism: auth.MechanismOAuthBearer, OAuth: auth.OAuth{ClientSecret: always("x")}}
	explains(t, auth, addr, "the brokers do not offer OAUTHBEARER")
}

func TestExplain_wrapped(t *testing.T) {
	scram := auth.Config{Mechanism: auth.MechanismScramSHA512}
	for _, tc := range []struct {
		name string
		auth auth.Config
		err  error
		want string
	}{
		{"wrong password", scram, fmt.Errorf("could not successfully authenticate: %w", kafkago.SASLAuthenticationFailed), "refuse user name or password: check BRIDGE_KAFKA_SASL_USERNAME and BRIDGE_KAFKA_SASL_PASSWORD"},
		{"refused token", auth.Config{Mechanism: "OAUTHBEARER"}, kafkago.SASLAuthenticationFailed, "BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL"},
		{"refused role", auth.Config{Mechanism: "AWS_MSK_IAM"}, kafkago.SASLAuthenticationFailed, "kafka-cluster:Connect"},
		{"a topic to read", scram, fmt.Errorf("describe: %w", &kafka.TopicDeniedError{Topic: "users"}), "no permission on topic users: the user needs READ and DESCRIBE on those of BRIDGE_KAFKA_TOPICS"},
		{"a topic to write", scram, fmt.Errorf("describe: %w", &kafka.TopicDeniedError{Topic: "receipts", Write: true}), "no permission on topic receipts: the user needs WRITE and DESCRIBE on BRIDGE_DLQ_TOPIC and BRIDGE_RECEIPTS_TOPIC"},
		{"topic", scram, fmt.Errorf("join: %w", kafkago.TopicAuthorizationFailed), "READ and DESCRIBE on those of BRIDGE_KAFKA_TOPICS"},
		{"group", scram, fmt.Errorf("join: %w", kafkago.GroupAuthorizationFailed), "READ on BRIDGE_KAFKA_GROUP_ID"},
		{"another program in the group", scram, fmt.Errorf("join: %w", kafkago.InconsistentGroupProtocol), "choose another BRIDGE_KAFKA_GROUP_ID"},
		{"forgotten", scram, fmt.Errorf("join: %w", kafkago.UnknownMemberId), "it joins again"},
		{"topic, of our own client", scram, fmt.Errorf("fetch: %w", kafka.CodeTopicDenied), "READ and DESCRIBE on those of BRIDGE_KAFKA_TOPICS"},
		{"an old broker", scram, fmt.Errorf("ask: %w", &kafka.OldBrokerError{Address: "kafka-1:9092", Missing: []string{"LeaveGroup version 3 (it has 2)"}}),
			"the broker at kafka-1:9092 is older than Kafka 2.4: it lacks LeaveGroup version 3 (it has 2): upgrade the brokers to Kafka 2.4 or newer"},
		{"a controller", scram, fmt.Errorf("ask: %w", &kafka.NotBrokerError{Address: "kafka-1:9093"}),
			"what listens at kafka-1:9093 is a controller of the cluster, not a broker: it describes no topics: use the brokers' addresses in BRIDGE_KAFKA_BROKERS"},
		{"a call that is not offered", scram, fmt.Errorf("it offers ListGroups up to version 3: %w", kafka.CodeUnsupportedVersion), "do not speak all of the protocol of Kafka 2.4: upgrade them (it offers ListGroups up to version 3"},
		{"cluster", scram, kafkago.ClusterAuthorizationFailed, "no permission on the cluster"},
		{"out of turn", scram, kafkago.IllegalSASLState, "check BRIDGE_KAFKA_SASL_MECHANISM and the port"},
		{"unknown host", scram, fmt.Errorf("dial: %w", &net.DNSError{Err: "no such host", Name: "kafka-9", IsNotFound: true}), "host kafka-9 is not known here: check BRIDGE_KAFKA_BROKERS"},
		{"no descriptor", scram, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}, "raise the limit of open files"},
		{"no descriptor to ask for a name", scram, &net.DNSError{Err: "dial udp: socket: too many open files", Name: "kafka-9"}, "raise the limit of open files"},
		{"timeout", scram, fmt.Errorf("fetch: %w", context.DeadlineExceeded), "no answer in time from the brokers"},
		{"cut", scram, fmt.Errorf("fetch: %w", io.ErrUnexpectedEOF), "the broker closed the connection"},
		{"another code", scram, fmt.Errorf("fetch: %w", kafkago.NotLeaderForPartition), "fetch: " + kafkago.NotLeaderForPartition.Error()},
		{"another error", scram, errors.New("decode fetch: odd"), "decode fetch: odd"},
		{"none", scram, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if text := tc.auth.Explain(tc.err); !strings.Contains(text, tc.want) || tc.err == nil && text != "" {
				t.Errorf("explained as %q, want %q", text, tc.want)
			}
		})
	}
}
