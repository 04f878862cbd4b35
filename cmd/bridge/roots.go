package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	_ "golang.org/x/crypto/x509roots/fallback" // roots for images without any
)

// roots are the root certificates for HTTPS servers: the system's (those built into the
// binary where the system has none, as in an image from scratch) and those of files. The
// files are read again whenever somebody asks, so that an authority is replaced without
// a restart. Safe for concurrent use.
type roots struct {
	files []rootsFile
	log   *slog.Logger

	mu    sync.Mutex // guards what follows
	text  []byte     // of the files, when pool was made
	pool  *x509.CertPool
	fault string // why the files cannot be used now, as it was logged
}

// rootsFile is a setting that names a file of PEM certificates.
type rootsFile struct{ variable, path string }

// newRoots returns the roots of the files of the settings that are set.
func newRoots(log *slog.Logger, files ...rootsFile) (*roots, error) {
	r := &roots{log: log}
	for _, f := range files {
		if f.path != "" {
			r.files = append(r.files, f)
		}
	}
	return r, r.read()
}

// latest returns the roots as they are now, or, while a file cannot be used, as they
// were before, and logs that once. The pool is the same one until they change.
func (r *roots) latest() *x509.CertPool {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.read()
	if err == nil {
		r.fault = ""
	} else if err.Error() != r.fault {
		r.fault = err.Error()
		r.log.Warn("root certificates cannot be read again; those that were read before stay in use", "error", err)
	}
	return r.pool
}

// read makes a pool of the files if they hold something else than they did. The caller
// holds the lock.
func (r *roots) read() error {
	texts := make([][]byte, len(r.files))
	for i, f := range r.files {
		var err error
		if texts[i], err = os.ReadFile(f.path); err != nil {
			return fmt.Errorf("read %s: %w", f.variable, err)
		}
	}
	text := bytes.Join(texts, nil)
	if r.pool != nil && bytes.Equal(text, r.text) {
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return fmt.Errorf("read the system's root certificates: %w", err)
	}
	for i, f := range r.files {
		if !pool.AppendCertsFromPEM(texts[i]) {
			return fmt.Errorf("read %s: %s holds no PEM certificate", f.variable, f.path)
		}
	}
	r.pool, r.text = pool, text
	return nil
}

// httpsClient builds a client for a server whose certificate the roots vouch for. They
// are asked for each request.
func httpsClient(roots *roots, timeout time.Duration) *http.Client {
	return &http.Client{Transport: &rootedTransport{roots: roots}, Timeout: timeout}
}

// rootedTransport is a transport that trusts the roots as they are now: once they have
// changed it makes new connections. Safe for concurrent use.
type rootedTransport struct {
	roots *roots

	mu      sync.Mutex      // guards what follows
	pool    *x509.CertPool  // that current trusts
	current *http.Transport // nil before the first request
}

// RoundTrip implements [http.RoundTripper].
func (t *rootedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.transport().RoundTrip(r)
}

func (t *rootedTransport) transport() *http.Transport {
	pool := t.roots.latest()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pool != pool {
		if t.current != nil {
			t.current.CloseIdleConnections()
		}
		t.pool, t.current = pool, http.DefaultTransport.(*http.Transport).Clone()
		t.current.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return t.current
}
