package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	bridge "kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/auth"
)

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
	return a.issueAs(file, func(template *x509.Certificate) {
		template.NotAfter, template.DNSNames = notAfter, names
		if len(names) > 0 {
			template.IPAddresses = nil
		}
	})
}

// issueAs writes a certificate for 127.0.0.1 that is valid for an hour, but for
// what change does, and its key.
func (a *authority) issueAs(file string, change func(*x509.Certificate)) (cert, key string) {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: file},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(template)
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
	strangeCert, strangeKey := other.issue("client", hour)
	pastCert, pastKey := ca.issue("past", time.Now().Add(-time.Minute))
	commonName := server(t, first(ca.issueAs("127.0.0.1", func(c *x509.Certificate) { c.IPAddresses = nil })), ca.dir+"/127.0.0.1.key")
	forClients := server(t, first(ca.issueAs("usage", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] })), ca.dir+"/usage.key")
	old := good.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	ciphers := good.Clone()
	ciphers.MaxVersion, ciphers.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA}
	nameless := good.Clone()
	nameless.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no such name") }

	for _, tc := range []struct {
		name   string
		server *tls.Config
		auth   auth.Config
		want   string // in the explanation; "" when the call must succeed
	}{
		{"a private CA", good, auth.Config{TLS: true, CAFile: ca.roots()}, ""},
		{"the wrong CA", good, auth.Config{TLS: true, CAFile: other.roots()}, "set BRIDGE_KAFKA_TLS_CA_FILE"},
		{"the system's roots", good, auth.Config{TLS: true}, "set BRIDGE_KAFKA_TLS_CA_FILE"},
		{"another name", named, auth.Config{TLS: true, CAFile: ca.roots()}, "set BRIDGE_KAFKA_TLS_SERVER_NAME"},
		{"another name that is expected", named, auth.Config{TLS: true, CAFile: ca.roots(), ServerName: "kafka.example.com"}, ""},
		{"an expired certificate", expired, auth.Config{TLS: true, CAFile: ca.roots()}, "renew it"},
		{"no verification", expired, auth.Config{TLS: true, InsecureSkipVerify: true}, ""},
		{"mutual TLS", mutual, auth.Config{TLS: true, CAFile: ca.roots(), CertFile: clientCert, KeyFile: clientKey}, ""},
		{"mutual TLS without a certificate", mutual, auth.Config{TLS: true, CAFile: ca.roots()}, "BRIDGE_KAFKA_TLS_CERT_FILE"},
		{"another name is told", named, auth.Config{TLS: true, CAFile: ca.roots()}, "it holds kafka.example.com"},
		{"a common name only", commonName, auth.Config{TLS: true, CAFile: ca.roots()}, "have it issued with 127.0.0.1"},
		{"a certificate for clients", forClients, auth.Config{TLS: true, CAFile: ca.roots()}, "serverAuth"},
		{"TLS 1.1 only", old, auth.Config{TLS: true, CAFile: ca.roots()}, "ssl.enabled.protocols"},
		{"no cipher suite in common", ciphers, auth.Config{TLS: true, CAFile: ca.roots()}, "ssl.cipher.suites"},
		{"a broker that fails", nameless, auth.Config{TLS: true, CAFile: ca.roots()}, "refuses the TLS handshake"},
		{"mutual TLS with another authority", mutual, auth.Config{TLS: true, CAFile: ca.roots(), CertFile: strangeCert, KeyFile: strangeKey}, "ssl.truststore"},
		{"mutual TLS with an expired certificate", mutual, auth.Config{TLS: true, CAFile: ca.roots(), CertFile: pastCert, KeyFile: pastKey}, "which has expired"},
		{"plaintext on a TLS port", good, auth.Config{}, "set BRIDGE_KAFKA_TLS=true"},
		{"SASL in plaintext on a TLS port", good, auth.Config{Mechanism: "PLAIN", Password: always("x")}, "set BRIDGE_KAFKA_TLS=true"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			explains(t, tc.auth, broker(t, kfake.TLS(tc.server)), tc.want)
		})
	}
}

func first(a, _ string) string { return a }

// An authority that is replaced in the file of roots is trusted from the next connection
// on, without a restart.
func TestAuth_renewedRoots(t *testing.T) {
	old, renewed := newAuthority(t), newAuthority(t)
	var certificate atomic.Pointer[tls.Certificate]
	issue := func(a *authority) {
		certificate.Store(&server(t, first(a.issue("broker", time.Now().Add(time.Hour))), a.dir+"/broker.key").Certificates[0])
	}
	issue(old)
	addr := broker(t, kfake.TLS(&tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate.Load(), nil }}))

	var mu sync.Mutex
	var open []net.Conn
	login := auth.Config{TLS: true, CAFile: old.roots()}
	client := bridge.NewClient(bridge.Config{Brokers: []string{addr}, TLS: login.TLSConfig, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		mu.Lock()
		defer mu.Unlock()
		open = append(open, conn)
		return conn, err
	}})
	defer client.Close()
	call := func() (err error) {
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		for range 5 { // connections that are closed are given up, one with each call
			if _, err = client.Metadata(t.Context(), []string{}); err == nil {
				break
			}
		}
		return err
	}
	if err := call(); err != nil {
		t.Fatal(err)
	}
	issue(renewed)
	if text := login.Explain(call()); !strings.Contains(text, "BRIDGE_KAFKA_TLS_CA_FILE") {
		t.Errorf("by another authority: %q", text)
	}
	if err := os.Rename(renewed.roots(), login.CAFile); err != nil {
		t.Fatal(err)
	}
	if err := call(); err != nil {
		t.Errorf("with the renewed roots: %v", err)
	}
}

func TestAuth_renewedClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	settings := server(t, first(ca.issue("broker", time.Now().Add(time.Hour))), ca.dir+"/broker.key")
	settings.ClientAuth, settings.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	settings.ClientCAs.AddCert(ca.cert)
	addr := broker(t, kfake.TLS(settings))

	cert, key := ca.issue("client", time.Now().Add(-time.Minute)) // expired
	config, err := auth.Config{TLS: true, CAFile: ca.roots(), CertFile: cert, KeyFile: key}.TLSConfig()
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
