package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/config"
)

// keyPair returns a certificate and its key in DER.
func keyPair(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	key, err = x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func TestLoad_filesInAnotherForm(t *testing.T) {
	cert, key := keyPair(t)
	encrypted := []byte("whatever it is, it cannot be parsed")
	pemOf := func(kind string, headers map[string]string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: der}))
	}
	goodCert, goodKey := pemOf("CERTIFICATE", nil, cert), pemOf("PRIVATE KEY", nil, key)
	for _, tc := range []struct{ name, roots, cert, key, want string }{
		{"all in PEM", goodCert, goodCert, goodKey, ""},
		{"an encrypted key", goodCert, goodCert, pemOf("ENCRYPTED PRIVATE KEY", nil, encrypted), "openssl pkey"},
		{"a key that is encrypted in the old way", goodCert, goodCert, pemOf("EC PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC,00"}, encrypted), "openssl pkey"},
		{"an encrypted key beside its certificate", goodCert, goodCert, goodCert + pemOf("ENCRYPTED PRIVATE KEY", nil, encrypted), "openssl pkey"},
		{"roots in a Java keystore", "\xfe\xed\xfe\xed\x00\x00\x00\x02", goodCert, goodKey, "keytool"},
		{"roots in binary form", string(cert), goodCert, goodKey, "-inform DER"},
		{"a certificate in PKCS#12", goodCert, "\x30\x82\x09\x39\x02\x01\x03", goodKey, "openssl pkcs12"},
		{"the two mistaken for each other", goodCert, goodKey, goodCert, "want the PEM files of a certificate and its key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := config.Load(with("BRIDGE_KAFKA_TLS=true",
				"BRIDGE_KAFKA_TLS_CA_FILE="+writeFile(t, "ca", tc.roots),
				"BRIDGE_KAFKA_TLS_CERT_FILE="+writeFile(t, "cert", tc.cert),
				"BRIDGE_KAFKA_TLS_KEY_FILE="+writeFile(t, "key", tc.key)), 0)
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}
