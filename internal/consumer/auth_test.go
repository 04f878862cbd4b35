package consumer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"kafka-import-bridge/internal/consumer"
)

// connect makes a call to the broker through both doors of the client library
// that the bridge uses, and returns the error of each.
func connect(t *testing.T, auth consumer.AuthConfig, addr string) (transport, dialer error) {
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
	for _, mechanism := range []string{consumer.MechanismPlain, consumer.MechanismScramSHA256, consumer.MechanismScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			addr := broker(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "importer", "second"))
			var password atomic.Value
			password.Store("first")
			auth := consumer.AuthConfig{Mechanism: mechanism, Username: "importer", Password: func() string { return password.Load().(string) }}
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

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// file writes blocks in PEM form and returns the path.
func (a *authority) file(name, kind string, der []byte) string {
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

func (a *authority) roots() string { return a.file("ca.pem", "CERTIFICATE", a.cert.Raw) }

// issue writes a certificate for 127.0.0.1 (or for names) that is valid until
// notAfter, and its key.
func (a *authority) issue(file string, notAfter time.Time, names ...string) (cert, key string) {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: file}, DNSNames: names,
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if len(names) == 0 {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	private := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.file(file+".pem", "CERTIFICATE", der), a.file(file+".key", "PRIVATE KEY", pkcs8)
}

// server returns the settings of a listener with the certificate.
func server(t *testing.T, cert, key string) *tls.Config {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}
}

func TestAuth_tls(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	ca, other := newAuthority(t), newAuthority(t)
	good := server(t, first(ca.issue("broker", hour)), ca.dir+"/broker.key")
	named := server(t, first(ca.issue("named", hour, "kafka.example.com")), ca.dir+"/named.key")
	expired := server(t, first(ca.issue("expired", time.Now().Add(-time.Hour))), ca.dir+"/expired.key")
	mutual := good.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	mutual.ClientCAs.AddCert(ca.cert)
	clientCert, clientKey := ca.issue("client", hour)

	for _, tc := range []struct {
		name   string
		server *tls.Config
		auth   consumer.AuthConfig
		want   string // in the explanation; "" when the call must succeed
	}{
		{"a private CA", good, consumer.AuthConfig{TLS: true, CAFile: ca.roots()}, ""},
		{"the wrong CA", good, consumer.AuthConfig{TLS: true, CAFile: other.roots()}, "set BRIDGE_KAFKA_TLS_CA_FILE"},
		{"the system's roots", good, consumer.AuthConfig{TLS: true}, "set BRIDGE_KAFKA_TLS_CA_FILE"},
		{"another name", named, consumer.AuthConfig{TLS: true, CAFile: ca.roots()}, "set BRIDGE_KAFKA_TLS_SERVER_NAME"},
		{"another name that is expected", named, consumer.AuthConfig{TLS: true, CAFile: ca.roots(), ServerName: "kafka.example.com"}, ""},
		{"an expired certificate", expired, consumer.AuthConfig{TLS: true, CAFile: ca.roots()}, "renew it"},
		{"no verification", expired, consumer.AuthConfig{TLS: true, InsecureSkipVerify: true}, ""},
		{"mutual TLS", mutual, consumer.AuthConfig{TLS: true, CAFile: ca.roots(), CertFile: clientCert, KeyFile: clientKey}, ""},
		{"mutual TLS without a certificate", mutual, consumer.AuthConfig{TLS: true, CAFile: ca.roots()}, "BRIDGE_KAFKA_TLS_CERT_FILE"},
		{"plaintext on a TLS port", good, consumer.AuthConfig{}, "set BRIDGE_KAFKA_TLS=true"},
		{"SASL in plaintext on a TLS port", good, consumer.AuthConfig{Mechanism: "PLAIN", Password: always("x")}, "set BRIDGE_KAFKA_TLS=true"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			explains(t, tc.auth, broker(t, kfake.TLS(tc.server)), tc.want)
		})
	}
}

// explains connects to addr and checks how the error is explained; want is ""
// when there must be none.
func explains(t *testing.T, auth consumer.AuthConfig, addr, want string) {
	t.Helper()
	transport, dialer := connect(t, auth, addr)
	for door, err := range map[string]error{"transport": transport, "dialer": dialer} {
		text := auth.Explain(err)
		if (want == "") != (err == nil) || !strings.Contains(text, want) {
			t.Errorf("%s: explained as %q, want %q (%T %v)", door, text, want, err, err)
		}
	}
}

func first(a, _ string) string { return a }

func TestAuth_renewedClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	settings := server(t, first(ca.issue("broker", time.Now().Add(time.Hour))), ca.dir+"/broker.key")
	settings.ClientAuth, settings.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	settings.ClientCAs.AddCert(ca.cert)
	addr := broker(t, kfake.TLS(settings))

	cert, key := ca.issue("client", time.Now().Add(-time.Minute)) // expired
	config, err := consumer.AuthConfig{TLS: true, CAFile: ca.roots(), CertFile: cert, KeyFile: key}.TLSConfig()
	if err != nil {
		t.Fatal(err)
	}
	call := func() error {
		conn, err := (&kafka.Dialer{TLS: config, Timeout: 10 * time.Second}).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Brokers()
		return err
	}
	if call() == nil {
		t.Fatal("an expired client certificate was accepted")
	}
	ca.issue("client", time.Now().Add(time.Hour))
	if err := call(); err != nil {
		t.Errorf("with the renewed certificate: %v", err)
	}
}

func TestAuth_badSettings(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("client", time.Now().Add(time.Hour))
	for _, tc := range []struct {
		name string
		auth consumer.AuthConfig
		want string
	}{
		{"no such CA file", consumer.AuthConfig{TLS: true, CAFile: "/no/file"}, "read Kafka CA file: open /no/file"},
		{"a CA file without certificates", consumer.AuthConfig{TLS: true, CAFile: key}, "no certificate in PEM form"},
		{"no such key", consumer.AuthConfig{TLS: true, CertFile: cert, KeyFile: "/no/file"}, "read Kafka client certificate: "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := tc.auth.TLSConfig(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
	if config, err := (consumer.AuthConfig{CAFile: "/no/file"}).TLSConfig(); config != nil || err != nil {
		t.Errorf("without TLS: %v, %v", config, err)
	}
	if _, err := (consumer.AuthConfig{Mechanism: "ROT13"}).SASLMechanism(t.Context()); err == nil {
		t.Error("an unknown mechanism was accepted")
	}
	if mechanism, err := (consumer.AuthConfig{}).SASLMechanism(t.Context()); mechanism != nil || err != nil {
		t.Errorf("without a mechanism: %v, %v", mechanism, err)
	}
}
