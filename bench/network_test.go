package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A new connection costs two round trips, the next request on it one. Bodies arrive as
// they were sent.
func TestDistance_delaysEachTrip(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	defer server.Close()
	const trip = 60 * time.Millisecond
	d, err := newDistance(strings.TrimPrefix(server.URL, "http://"), trip)
	if err != nil {
		t.Fatal(err)
	}
	defer d.stop()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, trips := range []time.Duration{2, 1, 1} {
		began := time.Now()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.addr(), bytes.NewReader(body))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if took := time.Since(began); took < trips*trip {
			t.Errorf("took %s, less than %d round trips", took, trips)
		}
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("%d bytes of %d came back as they were (%v)", len(got), len(body), err)
		}
	}
}

// A connection that one side ends, ends for the other one.
func TestDistance_passesTheEndOn(t *testing.T) {
	server, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	d, err := newDistance(server.Addr().String(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer d.stop()
	near, err := new(net.Dialer).DialContext(context.Background(), "tcp", d.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	far.Close()
	_ = near.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := near.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes and %v, want the end", n, err)
	}
}
