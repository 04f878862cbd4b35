package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// pki is a private certificate authority and what it has signed, as PEM files.
type pki struct {
	ca     string // certificate of the authority
	broker string // key and certificate of the brokers, in one file
	named  string // the same for ServerName alone
	cert   string // a client's certificate, CN=client
	key    string // its key
}

// ServerName is the only name in the certificate of the Named listeners.
const ServerName = "brokers.kafkatest"

func newPKI(dir string) (*pki, error) {
	p := &pki{
		ca:     filepath.Join(dir, "ca.pem"),
		broker: filepath.Join(dir, "broker.pem"),
		named:  filepath.Join(dir, "named.pem"),
		cert:   filepath.Join(dir, "client.pem"),
		key:    filepath.Join(dir, "client-key.pem"),
	}
	ca, err := issue(template("kafkatest CA", 1), nil)
	if err != nil {
		return nil, err
	}
	broker, err := issue(template("broker", 2), ca)
	if err != nil {
		return nil, err
	}
	other := template("named", 4)
	other.DNSNames, other.IPAddresses = []string{ServerName}, nil
	named, err := issue(other, ca)
	if err != nil {
		return nil, err
	}
	client, err := issue(template("client", 3), ca)
	if err != nil {
		return nil, err
	}
	for file, content := range map[string][]byte{
		p.ca: ca.certPEM, p.broker: append(broker.keyPEM, broker.certPEM...),
		p.named: append(named.keyPEM, named.certPEM...),
		p.cert:  client.certPEM, p.key: client.keyPEM,
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return nil, fmt.Errorf("write certificate: %w", err)
		}
	}
	return p, nil
}

// WriteCA writes the certificate of an authority that has signed nothing.
func WriteCA(path string) error {
	ca, err := issue(template("another CA", 1), nil)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, ca.certPEM, 0o600); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	return nil
}

type identity struct {
	cert            *x509.Certificate
	key             *ecdsa.PrivateKey
	certPEM, keyPEM []byte
}

func template(name string, serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber:          big.NewInt(serial),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  serial == 1,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
	}
}

// issue makes a key and has parent sign its certificate; nil: signs itself.
func issue(t *x509.Certificate, parent *identity) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	signer, signerKey := t, key
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, signer, key.Public(), signerKey)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return &identity{
		cert: cert, key: key,
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}, nil
}
