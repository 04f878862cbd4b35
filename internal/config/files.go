package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// readUpTo fills buf from r as far as r reaches.
func readUpTo(r io.Reader, buf []byte) (int, error) {
	n, err := io.ReadFull(r, buf)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}

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
	pem, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read file: %w", pathCause(err))
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return errors.New("want a PEM file with at least one certificate")
	}
	return nil
}

// checkKeyPair reports whether the two files hold a certificate and its key.
func checkKeyPair(cert, key string) error {
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		return fmt.Errorf("want the PEM files of a certificate and its key: %w", pathCause(err))
	}
	return nil
}
