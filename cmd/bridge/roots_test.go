package main

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/test/kafkatest"
)

// Authorities that are replaced in their files are trusted from the next request on; a
// file that is broken meanwhile changes nothing.
func TestRoots_areReadAgain(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	right := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	one, two := filepath.Join(t.TempDir(), "one.pem"), filepath.Join(t.TempDir(), "two.pem")
	for _, path := range []string{one, two} {
		if err := kafkatest.WriteCA(path); err != nil {
			t.Fatal(err)
		}
	}
	var logged bytes.Buffer
	roots, err := newRoots(newLogger(&logged, config.Log{}), rootsFile{"ONE", one}, rootsFile{"NONE", ""}, rootsFile{"TWO", two})
	if err != nil {
		t.Fatal(err)
	}
	client := httpsClient(roots, time.Minute)
	ask := func(when string, want bool) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err == nil {
			answer.Body.Close()
		}
		if (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	write := func(path string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask("with other authorities", false)
	write(two, right)
	ask("with the right one", true)
	pool := roots.latest()
	if roots.latest() != pool {
		t.Error("another pool of the same roots")
	}
	write(one, []byte("no certificate"))
	ask("with a broken file", true)
	ask("with a file that is broken still", true)
	if n := strings.Count(logged.String(), "ONE: "+one+" holds no PEM certificate"); n != 1 {
		t.Errorf("logged %d times, want once: %s", n, &logged)
	}
	if err := os.Remove(one); err != nil {
		t.Fatal(err)
	}
	ask("without the file", true)
	if err := kafkatest.WriteCA(one); err != nil {
		t.Fatal(err)
	}
	if err := kafkatest.WriteCA(two); err != nil {
		t.Fatal(err)
	}
	ask("once the right one is gone", false)
}
