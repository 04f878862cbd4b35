package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// echo answers all requests alike.
func echo(text string) func(*peer) {
	return func(p *peer) {
		for {
			if r, _ := p.request(); r == nil {
				return
			}
			p.reply(text)
		}
	}
}

func TestClient_keepsConnections(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string
		kept   bool
	}{
		"a body":            {fine, true},
		"no body":           {"HTTP/1.1 204 x\r\n\r\n", true},
		"in chunks":         {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", true},
		"a refusal":         {"HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n", true},
		"Connection: close": {ok + "Content-Length: 0\r\nConnection: close\r\n\r\n", false},
		"HTTP/1.0":          {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false},
		"another protocol":  {"HTTP/1.1 101 x\r\nConnection: close\r\n\r\n", false},
		"bytes beyond":      {fine + "!", false},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, lab func(*testing.T, func(*peer)) *lab) {
				l := lab(t, echo(tc.answer))
				for _, r := range []*Request{request("GET", ""), request("POST", "{}"), request("PUT", "hello"), request("PUT", bigBody)} {
					if _, _, err := l.do(r); err != nil {
						t.Error(err)
					}
				}
				l.wantConns(map[bool]int{true: 1, false: 4}[tc.kept])
			})
		})
	}
}

// TestClient_keepsNoConnectionOfAnUnreadBody, nor one whose request has ended.
func TestClient_keepsNoConnectionOfAnUnreadBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(p *peer) {
			for r, _ := p.request(); r != nil; r, _ = p.request() {
				p.reply(ok + "Content-Length: 2\r\n\r\n")
				p.reply("OK") // not before the client reads it
			}
		})
		for n, use := range []func(*Response, context.CancelFunc){
			func(r *Response, _ context.CancelFunc) {},
			func(r *Response, _ context.CancelFunc) { _, _ = io.ReadFull(r, make([]byte, 1)) },
			func(r *Response, end context.CancelFunc) { _, _ = io.ReadAll(r); end(); synctest.Wait() },
			func(r *Response, _ context.CancelFunc) { _, _ = io.ReadFull(r, make([]byte, 2)) }, // kept, all is read
		} {
			ctx, cancel := context.WithCancel(t.Context())
			resp, _, err := l.Do(ctx, request("GET", ""))
			if err != nil || resp.Length != 2 {
				t.Fatal(err)
			}
			use(resp, cancel)
			_, _ = resp.Close(), resp.Close()
			if n, err := resp.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
				t.Errorf("closed: %d bytes, %v", n, err)
			}
			cancel()
			l.wantConns(n + 1)
			if kept := len(l.idle); kept != n/3 { // of the last one all is read
				t.Errorf("use %d: %d connections are kept", n, kept)
			}
		}
	})
}

// TestClient_aKeptConnectionThatTheServerHasClosed is seen before it is used.
func TestClient_aKeptConnectionThatTheServerHasClosed(t *testing.T) {
	for name, farewell := range map[string]string{"closed": "", "with a word": "HTTP/1.1 408 Too late\r\nConnection: close\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			var requests atomic.Int32
			closed := make(chan struct{}, 10)
			l := newSocketLab(t, func(p *peer) {
				if r, _ := p.request(); r != nil {
					requests.Add(1)
					p.reply(fine)
					p.reply(farewell)
				}
				p.Close()
				closed <- struct{}{}
			})
			for range 5 {
				if l.wantFine(request("PUT", "hello")); t.Failed() {
					return
				}
				<-closed
			}
			if n := requests.Load(); n != 5 {
				t.Errorf("%d requests arrive", n)
			}
		})
	}
}

// TestClient_repeats what may be where a kept connection ends without an answer: a
// PUT if nothing of it was written, a POST always. Nothing else is sent twice.
func TestClient_repeats(t *testing.T) {
	for name, tc := range map[string]struct {
		dies    string // when, on the first connection's second request
		request *Request
		status  int
		got     []string // the requests that arrived whole
		conns   int
	}{
		"a PUT that nobody began to read":  {"before", request("PUT", "hello"), 200, []string{"GET", "PUT hello"}, 2},
		"a POST that nobody began to read": {"before", request("POST", "{}"), 200, []string{"GET", "POST {}"}, 2},
		"a PUT that was read":              {"read", request("PUT", "hello"), 0, []string{"GET", "PUT hello"}, 1},
		"a POST that was read":             {"read", request("POST", "{}"), 200, []string{"GET", "POST {}", "POST {}"}, 2},
		"a POST whose answer began":        {"answered", request("POST", "{}"), 0, []string{"GET", "POST {}"}, 1},
		"a POST that gets no answer":       {"silent", request("POST", "{}"), 0, []string{"GET", "POST {}"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				l := newLab(t, func(p *peer) {
					for n := 1; ; n++ {
						if p.n == 1 && n == 2 && tc.dies == "before" {
							return
						}
						r, body := p.request()
						if r == nil {
							return
						}
						if got = append(got, r.Method); body != "" {
							got[len(got)-1] += " " + body
						}
						if p.n == 1 && n == 2 {
							switch tc.dies {
							case "answered":
								p.reply("HTTP/1.1")
							case "silent":
								p.gone()
							}
							return
						}
						p.reply(fine)
					}
				})
				l.wantFine(request("GET", ""))
				synctest.Wait()
				r := *tc.request
				r.Until = time.Now().Add(10 * time.Second)
				status, _, err := l.do(&r)
				synctest.Wait()
				if status != tc.status || (err == nil) != (status != 0) || !slices.Equal(got, tc.got) {
					t.Errorf("status %d, %v; %q arrive", status, err, got)
				}
				l.wantConns(tc.conns)
			})
		})
	}
}

func TestClient_repeatsNothingOnANewConnection(t *testing.T) {
	onBoth(t, func(t *testing.T, lab func(*testing.T, func(*peer)) *lab) {
		l := lab(t, func(p *peer) { p.request() })
		if _, _, err := l.do(request("POST", "{}")); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
		l.wantConns(1)
	})
}

func TestClient_idleConnections(t *testing.T) {
	for name, tc := range map[string]struct {
		use  func(*lab)
		want int // connections in all
	}{
		"two are kept":              {func(l *lab) { l.together(2); l.together(2) }, 2},
		"no more than MaxIdle":      {func(l *lab) { l.together(3); l.together(3) }, 4},
		"for less than a minute":    {func(l *lab) { l.together(1); time.Sleep(idleTimeout - 1); l.together(1) }, 1},
		"no longer":                 {func(l *lab) { l.together(1); time.Sleep(idleTimeout); l.together(1) }, 2},
		"no longer by a late sweep": {func(l *lab) { l.together(1); l.sweepLate(); time.Sleep(idleTimeout); l.together(1) }, 2},
		"no longer than maxAge":     {func(l *lab) { l.old(maxAge + 1); l.together(1) }, 2},
		"as long as maxAge":         {func(l *lab) { l.old(maxAge); l.together(1) }, 1},
		"none that is older":        {func(l *lab) { l.old(maxAge - time.Second); time.Sleep(2 * time.Second); l.together(1) }, 2},
		"until Close":               {func(l *lab) { l.together(2); l.Close(); synctest.Wait(); l.together(1) }, 3},
		"a silence takes one only":  {func(l *lab) { l.together(2); l.silence(); l.together(1) }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, func(p *peer) {
					for {
						switch r, _ := p.request(); {
						case r == nil:
							return
						case r.Method != "DELETE":
							p.reply(fine)
						}
					}
				})
				tc.use(l)
				l.wantConns(tc.want)
				time.Sleep(idleTimeout)
				synctest.Wait()
				if len(l.idle) > 0 || l.sweep != nil {
					t.Errorf("idle %v, a sweep to come: %t", l.idle, l.sweep != nil)
				}
			})
		})
	}
}

// old uses a connection, and once more when it is that old.
func (l *lab) old(age time.Duration) {
	born := time.Now()
	for l.together(1); time.Since(born) < age; l.together(1) {
		time.Sleep(min(30*time.Second, age-time.Since(born)))
	}
}

// sweepLate lets the sweep come a moment after the connections have been idle for too
// long.
func (l *lab) sweepLate() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep.Reset(idleTimeout + 1)
}

// silence makes a request that gets no answer.
func (l *lab) silence() {
	if _, _, err := l.do(request("DELETE", "")); !errors.Is(err, ErrTooLong) {
		l.t.Error(err)
	}
}

func TestClient_leavesAServerThatIsIll(t *testing.T) {
	for statuses, want := range map[string]int{"5": 1, "52": 1, "55": 2, "525252": 1, "2255": 2, "5555": 3, "4444": 1} {
		synctest.Test(t, func(t *testing.T) {
			rest := statuses
			l := newLab(t, func(p *peer) {
				for r, _ := p.request(); r != nil; r, _ = p.request() {
					status := "2"
					if rest != "" {
						status, rest = rest[:1], rest[1:]
					}
					p.reply("HTTP/1.1 " + status + "00 x\r\nContent-Length: 0\r\n\r\n")
				}
			})
			for range len(statuses) + 1 {
				_, _, _ = l.do(request("PUT", "hello"))
			}
			l.wantConns(want)
		})
	}
}

// TestClient_keepsNoBytesInTLS that came beyond an answer.
func TestClient_keepsNoBytesInTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		long := make([]byte, 10<<10)
		_, _ = io.WriteString(conn, ok+"Content-Length: 10240\r\n\r\n"+string(long)+"HTTP/1.1 299 Forged\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	}))
	s.TLS = &tls.Config{DynamicRecordSizingDisabled: true} // all in one record
	s.StartTLS()
	defer s.Close()
	target, _ := url.Parse(s.URL)
	l := &lab{t: t, Client: New(Config{
		TLS:     func() *tls.Config { return s.Client().Transport.(*http.Transport).TLSClientConfig.Clone() },
		MaxIdle: 1,
		Proxy:   func(*url.URL) (*url.URL, error) { return nil, nil }, Dial: new(net.Dialer).DialContext,
	})}
	defer l.Close()
	for range 2 {
		r := request("GET", "")
		r.URL = target
		if status, _, err := l.do(r); status != 200 || err != nil {
			t.Errorf("status %d, %v", status, err)
		}
	}
}
