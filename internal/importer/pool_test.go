package importer

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPool_aConnectionThatBringsErrorsIsDropped: the first connection leads to a
// server that is ill, later ones to others that are well.
func TestPool_aConnectionThatBringsErrorsIsDropped(t *testing.T) {
	for _, operation := range []string{OperationCreate, OperationUpload} {
		t.Run(operation, func(t *testing.T) {
			var network memoryNet
			l := newLabOn(t, network.listen)
			l.cfg.DialContext = network.dial
			next := l.grant
			if operation == OperationUpload {
				next = l.keep
			}
			var seen []string
			answer := func(w http.ResponseWriter, r *http.Request) {
				n := connNumber(r)
				seen = append(seen, fmt.Sprint(n))
				if n == 1 && len(seen) > 1 {
					unwell(w, r)
					return
				}
				next(w, r)
			}
			l.onPost, l.onPut = l.grant, l.keep
			if operation == OperationCreate {
				l.onPost = answer
			} else {
				l.onPut = answer
			}
			c := l.client()
			for stored, n := 0, 0; stored < 3; n++ {
				if n == 10 {
					t.Fatalf("by connections %v", seen)
				}
				i, _ := newImport(c, 100)
				if l.attempt(c, i).Class == Stored {
					stored++
				}
			}
			if got := strings.Join(seen, ""); got != "11122" {
				t.Errorf("requests by connections %s, want 11122: dropped after two errors in a row", got)
			}
		})
	}
}

// TestPool_errorsThatAreNotInARowDropNothing.
func TestPool_errorsThatAreNotInARowDropNothing(t *testing.T) {
	l := newLab(t)
	n := 0
	l.onPost = func(w http.ResponseWriter, r *http.Request) {
		if connNumber(r) != 1 {
			t.Error("a new connection")
		}
		if n++; n%2 == 0 {
			unwell(w, r)
			return
		}
		l.grant(w, r)
	}
	c := l.client()
	for range 10 {
		l.create(c, c.NewImport("orders", nil, 0))
	}
}

func TestPool_connectionsGrowOld(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		var last int
		l.onPut = func(w http.ResponseWriter, r *http.Request) {
			last = connNumber(r)
			l.keep(w, r)
		}
		c := l.client()
		start := time.Now()
		for time.Since(start) < 5*time.Minute {
			i, _ := newImport(c, 100)
			wantClass(t, l.attempt(c, i), Stored, "")
			if last != 1 {
				t.Fatalf("connection %d after %s", last, time.Since(start))
			}
			time.Sleep(30 * time.Second)
		}
		time.Sleep(time.Second)
		i, _ := newImport(c, 100)
		wantClass(t, l.attempt(c, i), Stored, "")
		if last != 2 {
			t.Errorf("connection %d after %s", last, time.Since(start))
		}
	})
}

// TestPool_manyStores: uploads that go to many hosts in turn keep their connections.
func TestPool_manyStores(t *testing.T) {
	l := newLab(t)
	l.cfg.MaxConns, l.cfg.AllowInsecureHTTP = 1, true
	store := l.store.Listener.Addr().String()
	dials := 0
	l.cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasSuffix(addr, ".localhost:80") {
			dials++
			addr = store
		}
		return narrowDial(ctx, network, addr)
	}
	c := l.client()
	hosts := 20
	for n := range 3 * hosts {
		l.store.URL = fmt.Sprintf("http://%d.localhost", n%hosts)
		i, _ := newImport(c, 100)
		wantClass(t, l.attempt(c, i), Stored, "")
	}
	if dials != hosts {
		t.Errorf("%d connections to %d stores", dials, hosts)
	}
}

// TestPool_aDroppedConnectionIsNoFailure of a call to the API: it is made again at once.
func TestPool_aDroppedConnectionIsNoFailure(t *testing.T) {
	l := newLab(t)
	var seen []string
	drops := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			seen = append(seen, fmt.Sprint(r.Method, connNumber(r)))
			if connNumber(r) == 1 && len(seen) > 1 {
				abort(w, r, 0)
				return
			}
			next(w, r)
		}
	}
	l.onPost, l.onAsk = drops(l.grant), drops(l.tell)
	c := l.client()
	wantClass(t, l.create(c, c.NewImport("orders", nil, 0)), Stored, "")
	if _, err := c.Ask(t.Context(), "orders", "req-1"); err != nil {
		t.Error(err)
	}
	if got := strings.Join(seen, " "); got != "POST1 GET1 GET2" {
		t.Errorf("requests by connections: %s", got)
	}
}

// TestStores_areBounded, however many hosts upload URLs name.
func TestStores_areBounded(t *testing.T) {
	var s stores
	for n := range 10 * maxStores {
		s.at(fmt.Sprint(n)).noExpect.Store(true)
		if len(s.byHost) > maxStores {
			t.Fatalf("%d are remembered", len(s.byHost))
		}
	}
	if !s.at(fmt.Sprint(10*maxStores - 1)).noExpect.Load() {
		t.Error("the last one is not")
	}
}

// TestClient_sendsNothingToWhoRefusesWhenAsked: the store's answer to the question comes
// before any of the body.
func TestClient_sendsNothingToWhoRefusesWhenAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		early := make(chan int, 1)
		l.onPut = func(w http.ResponseWriter, _ *http.Request) {
			conn, kept, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_ = conn.SetReadDeadline(time.Now().Add(time.Second / 4))
			n, _ := kept.Read(make([]byte, 1)) // a body that was not waited for comes at once
			early <- n
			_, _ = fmt.Fprint(conn, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		}
		c := l.client()
		i, _ := newImport(c, bigBody+1)
		wantClass(t, l.attempt(c, i), RetryNew, ReasonExpired)
		if n := <-early; n > 0 || i.Ambiguous() {
			t.Errorf("%d bytes of the body came before the answer to the question", n)
		}
	})
}

// TestClient_asksBeforeLargeBodies of a store that has taken none yet, and before any
// once it has refused one.
func TestClient_asksBeforeLargeBodies(t *testing.T) {
	l := newLab(t)
	var status atomic.Int32
	var expect atomic.Value
	l.onPut = func(w http.ResponseWriter, r *http.Request) {
		expect.Store(r.Header.Get("Expect"))
		switch status := int(status.Load()); status {
		case 0:
			l.keep(w, r)
		case -1:
			abort(w, r, 0)
		default:
			w.WriteHeader(status)
		}
	}
	c := l.client()
	for n, step := range []struct {
		size, status int
		asks         bool
	}{
		{bigBody + 1, 0, true},
		{bigBody + 1, 0, false},
		{bigBody, 0, false},
		{100, 503, false},
		{bigBody + 1, 0, true},
		{bigBody + 1, 503, false},
		{100, 0, true},
		{100, 403, false},
		{100, -1, true},
		{100, 0, true},
		{100, 0, false},
		{100, -1, false},
		{100, 0, true},
	} {
		status.Store(int32(step.status))
		i, _ := newImport(c, step.size)
		l.attempt(c, i)
		if (expect.Load() == "100-continue") != step.asks {
			t.Errorf("step %d: Expect %q for %d bytes", n, expect.Load(), step.size)
		}
	}
}
