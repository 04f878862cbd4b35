package config

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// pathCause strips the path from a file error: whoever reports it names the
// variable, and a secret put where a path belongs must not be printed.
func pathCause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// checkRoots reports whether the file at path holds PEM certificates.
func checkRoots(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read file: %w", pathCause(err))
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		return errors.New("want a PEM file with at least one certificate" + formHint(path))
	}
	return nil
}

// checkKeyPair reports whether the two files hold a certificate and its key,
// which is not encrypted.
func checkKeyPair(certFile, keyFile string) error {
	if _, err := tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		return fmt.Errorf("want the PEM files of a certificate and its key: %w%s", pathCause(err), cmp.Or(formHint(certFile), formHint(keyFile)))
	}
	return nil
}

// formHint names the format of a file that should be PEM and is not, and how to convert
// it; "" if the format is not known.
func formHint(path string) string {
	data, _ := os.ReadFile(path) // what cannot be read has no format
	switch {
	case bytes.HasPrefix(data, []byte{0xfe, 0xed, 0xfe, 0xed}):
		return "; this is a Java keystore: convert it with keytool -importkeystore -deststoretype PKCS12, then with openssl pkcs12"
	case len(data) > 1 && data[0] == 0x30 && data[1] >= 0x80: // a long sequence in DER
		return "; this is binary, DER or PKCS#12: convert it with openssl x509 -inform DER, or openssl pkcs12"
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return "; the key is encrypted, and there is no setting for its password: decrypt it with openssl pkey -in KEY -out DECRYPTED"
		}
	}
	return ""
}
