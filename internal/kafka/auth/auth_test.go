package auth_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"kafka-import-bridge/internal/kafka/auth"
)

// connect makes a call to the broker through both doors of the client library
// that the bridge uses, and returns the error of each.
func connect(t *testing.T, auth auth.Config, addr string) (transport, dialer error) {
	t.Helper()
	config, err := auth.TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	mechanism, err := auth.SASLMechanism(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	pool := &kafka.Transport{TLS: config, SASL: mechanism, DialTimeout: 10 * time.Second}
	defer pool.CloseIdleConnections()
	_, transport = (&kafka.Client{Addr: kafka.TCP(addr), Transport: pool}).Metadata(ctx, &kafka.MetadataRequest{})

	conn, dialer := (&kafka.Dialer{TLS: config, SASLMechanism: mechanism, Timeout: 10 * time.Second}).DialContext(ctx, "tcp", addr)
	if dialer == nil {
		defer conn.Close()
		_, dialer = conn.Brokers()
	}
	return transport, dialer
}

// explains connects to addr and checks how the error is explained; want is ""
// when there must be none.
func explains(t *testing.T, auth auth.Config, addr, want string) {
	t.Helper()
	transport, dialer := connect(t, auth, addr)
	for door, err := range map[string]error{"transport": transport, "dialer": dialer} {
		text := auth.Explain(err)
		if (want == "") != (err == nil) || !strings.Contains(text, want) {
			t.Errorf("%s: explained as %q, want %q (%T %v)", door, text, want, err, err)
		}
	}
}

// broker starts an in-process Kafka and returns its address.
func broker(t *testing.T, options ...kfake.Opt) string {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

func always(text string) func() string { return func() string { return text } }

func TestAuth_passwords(t *testing.T) {
	for _, mechanism := range []string{auth.MechanismPlain, auth.MechanismScramSHA256, auth.MechanismScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			addr := broker(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "importer", "second"))
			var password atomic.Value
			password.Store("first")
			auth := auth.Config{Mechanism: mechanism, Username: "importer", Password: func() string { return password.Load().(string) }}
			config, err := auth.SASLMechanism(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if config.Name() != mechanism {
				t.Errorf("mechanism %q, want %q", config.Name(), mechanism)
			}
			dialer := &kafka.Dialer{SASLMechanism: config, Timeout: 10 * time.Second}
			_, err = dialer.DialContext(t.Context(), "tcp", addr)
			if text := auth.Explain(err); !strings.Contains(text, "BRIDGE_KAFKA_SASL_PASSWORD") {
				t.Errorf("a wrong password is explained as %q (%v)", text, err)
			}
			// The same mechanism must use the rotated password.
			password.Store("second")
			conn, err := dialer.DialContext(t.Context(), "tcp", addr)
			if err != nil {
				t.Fatalf("with the rotated password: %v", err)
			}
			conn.Close()
			if transport, _ := connect(t, auth, addr); transport != nil {
				t.Errorf("through the transport: %v", transport)
			}
		})
	}
}

// Kafka's brokers and its Java client take names and passwords as they are,
// unlike RFC 5802, which prepares them by SASLprep.
func TestAuth_passwordsAreNotPrepared(t *testing.T) {
	for _, mechanism := range []string{auth.MechanismPlain, auth.MechanismScramSHA256, auth.MechanismScramSHA512} {
		for _, password := range []string{"pass²ª", "a\u00a0b", "soft\u00adhyphen", "K\u212a", "\ue000 private", "new\U0001fae0", "tab\tbell\a", "a,b=c"} {
			addr := broker(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "us,er=", password))
			explains(t, auth.Config{Mechanism: mechanism, Username: "us,er=", Password: always(password)}, addr, "")
		}
	}
}

func TestAuth_badSettings(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("client", time.Now().Add(time.Hour))
	for _, tc := range []struct {
		name string
		auth auth.Config
		want string
	}{
		{"no such CA file", auth.Config{TLS: true, CAFile: "/no/file"}, "read Kafka CA file: open /no/file"},
		{"a CA file without certificates", auth.Config{TLS: true, CAFile: key}, "no certificate in PEM form"},
		{"no such key", auth.Config{TLS: true, CertFile: cert, KeyFile: "/no/file"}, "read Kafka client certificate: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := tc.auth.TLSConfig(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	if config, err := (auth.Config{CAFile: "/no/file"}).TLSConfig(); config != nil || err != nil {
		t.Errorf("without TLS: %v, %v", config, err)
	}
	if _, err := (auth.Config{Mechanism: "ROT13"}).SASLMechanism(t.Context()); err == nil {
		t.Error("an unknown mechanism was accepted")
	}
	if mechanism, err := (auth.Config{}).SASLMechanism(t.Context()); mechanism != nil || err != nil {
		t.Errorf("without a mechanism: %v, %v", mechanism, err)
	}
}
