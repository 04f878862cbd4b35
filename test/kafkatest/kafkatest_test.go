package kafkatest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func TestMain(m *testing.M) { Main(m) }

// dial makes a client that gives up a request soon.
func dial(t *testing.T, addrs string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append(opts, kgo.SeedBrokers(strings.Split(addrs, ",")...), kgo.RetryTimeout(2*time.Second), kgo.RecordDeliveryTimeout(2*time.Minute))
	client, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func createTopic(t *testing.T, c *Cluster, name string, replicas int16) {
	t.Helper()
	if _, err := c.Admin().CreateTopic(t.Context(), 1, replicas, nil, name); err != nil {
		t.Fatal(err)
	}
}

func produce(ctx context.Context, client *kgo.Client, topic string) error {
	return client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("value")}).FirstErr()
}

func TestShared_takesRecords(t *testing.T) {
	c := Shared(t)
	createTopic(t, c, "shared", 1)
	if err := produce(t.Context(), dial(t, c.Brokers()), "shared"); err != nil {
		t.Fatal(err)
	}
	if again := Shared(t); again != c {
		t.Error("a second call starts a second cluster")
	}
}

func TestNode_killRestartFreezeThaw(t *testing.T) {
	c := New(t, Options{})
	createTopic(t, c, "kept", 1)
	client := dial(t, c.Brokers())
	if err := produce(t.Context(), client, "kept"); err != nil {
		t.Fatal(err)
	}
	n := c.Nodes[0]
	n.Kill()
	if c.answers(t.Context(), 1) {
		t.Error("a killed node answers")
	}
	if err := c.Restart(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	ends, err := c.Admin().ListEndOffsets(t.Context(), "kept")
	for began := time.Now(); errors.Join(err, ends.Error()) != nil && time.Since(began) < time.Minute; {
		ends, err = c.Admin().ListEndOffsets(t.Context(), "kept") // it may not lead yet
	}
	if o, _ := ends.Lookup("kept", 0); err != nil || o.Offset != 1 {
		t.Errorf("end offset after the restart is %d (%v), want 1", o.Offset, err)
	}
	n.Freeze()
	if c.answers(t.Context(), 1) {
		t.Error("a frozen node answers")
	}
	n.Thaw()
	if err := c.await(t.Context(), 1); err != nil {
		t.Errorf("after the thaw: %v", err)
	}
	if err := c.Restart(t.Context(), n); err == nil {
		t.Error("a running node can be restarted")
	}
}

// unsecured is a JWT without a signature, as the broker's default validator takes.
func unsecured(subject string) string {
	now := time.Now().Unix()
	claims := fmt.Sprintf(`{"sub":%q,"scope":%q,"iat":%d,"exp":%d}`, subject, Scope, now, now+3600)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
}

func TestSecure_authenticationAndACLs(t *testing.T) {
	c := New(t, Options{Users: map[string]string{"alice": "alice-password"}, ACLs: true})
	createTopic(t, c, "allowed", 1)
	createTopic(t, c, "denied", 1)
	acl := kadm.NewACLs().Topics("allowed").Allow("User:alice", "User:CN=client").AllowHosts().
		Operations(kadm.OpWrite, kadm.OpDescribe).ResourcePatternType(kadm.ACLPatternLiteral)
	if _, err := c.Admin().CreateACLs(t.Context(), acl); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(c.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	n := c.Nodes[0]
	with := func(m sasl.Mechanism) []kgo.Opt {
		return []kgo.Opt{kgo.DialTLSConfig(&tls.Config{RootCAs: roots}), kgo.SASL(m)}
	}
	for _, tc := range []struct {
		name, addr string
		opts       []kgo.Opt
		refused    bool
	}{
		{"PLAIN", n.Secure, with(plain.Auth{User: "alice", Pass: "alice-password"}.AsMechanism()), false},
		{"SCRAM-SHA-256", n.Secure, with(scram.Auth{User: "alice", Pass: "alice-password"}.AsSha256Mechanism()), false},
		{"SCRAM-SHA-512", n.Secure, with(scram.Auth{User: "alice", Pass: "alice-password"}.AsSha512Mechanism()), false},
		{"OAUTHBEARER", n.Secure, with(oauth.Auth{Token: unsecured("alice")}.AsMechanism()), false},
		{"client certificate", n.Mutual, []kgo.Opt{kgo.DialTLSConfig(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}})}, false},
		{"wrong password", n.Secure, with(scram.Auth{User: "alice", Pass: "wrong"}.AsSha512Mechanism()), true},
		{"no client certificate", n.Mutual, []kgo.Opt{kgo.DialTLSConfig(&tls.Config{RootCAs: roots})}, true},
		{"a principal without permission", n.Secure, with(oauth.Auth{Token: unsecured("bob")}.AsMechanism()), true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			limit := 2 * time.Minute
			if tc.refused {
				limit = 3 * time.Second // the client would try again for ever
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			client := dial(t, tc.addr, tc.opts...)
			err := produce(ctx, client, "allowed")
			for !tc.refused && errors.Is(err, kerr.TopicAuthorizationFailed) && ctx.Err() == nil {
				err = produce(ctx, client, "allowed") // the broker takes a moment to know the permissions
			}
			if (err != nil) != tc.refused {
				t.Errorf("produce: %v, want refused %v", err, tc.refused)
			}
			if tc.refused {
				return
			}
			if err := produce(ctx, client, "denied"); err == nil {
				t.Error("a topic without an ACL takes records")
			}
		})
	}
}

func TestCluster_threeNodesSurviveOne(t *testing.T) {
	c := New(t, Options{Nodes: 3})
	createTopic(t, c, "replicated", 3)
	client := dial(t, c.Brokers())
	if err := produce(t.Context(), client, "replicated"); err != nil {
		t.Fatal(err)
	}
	m, err := c.Admin().Metadata(t.Context(), "replicated")
	if err != nil {
		t.Fatal(err)
	}
	leader := c.Nodes[m.Topics["replicated"].Partitions[0].Leader-1]
	leader.Kill()
	if err := produce(t.Context(), client, "replicated"); err != nil {
		t.Errorf("produce with one node of three down: %v", err)
	}
	if err := c.Restart(t.Context(), leader); err != nil {
		t.Error(err)
	}
}
