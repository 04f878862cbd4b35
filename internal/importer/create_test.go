package importer

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/loopback"
)

func TestClient_neverFollowsABadUploadURL(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("something was sent there")
	}))
	defer elsewhere.Close()
	host := strings.TrimPrefix(elsewhere.URL, "http://")
	for _, tc := range []struct{ name, answer string }{
		{"not JSON", "<html>" + secretText},
		{"nothing", ""},
		{"an array", `["upload_url"]`},
		{"null", "null"},
		{"two objects", `{"upload_url": "` + elsewhere.URL + `"}{}`},
		{"no upload_url", `{"requestId": "r"}`},
		{"an empty one", `{"upload_url": ""}`},
		{"a number", `{"upload_url": 7}`},
		{"a relative one", `{"upload_url": "/bucket/` + secretSignature + `"}`},
		{"one without scheme", `{"upload_url": "//` + host + `/x"}`},
		{"ftp", `{"upload_url": "ftp://` + host + `/x"}`},
		{"file", `{"upload_url": "file:///etc/passwd"}`},
		{"opaque", `{"upload_url": "https:` + host + `"}`},
		{"no host", `{"upload_url": "https:///x"}`},
		{"only a port", `{"upload_url": "https://:443/x"}`},
		{"a user", `{"upload_url": "http://me:` + secretText + `@` + host + `/x"}`},
		{"plain http to another host", `{"upload_url": "http://store.example.com/x?` + secretSignature + `"}`},
		{"plain http to a host named like loopback", `{"upload_url": "http://localhost.example.com/x"}`},
		{"a control character", `{"upload_url": "http://` + host + `/\n` + secretText + `"}`},
		{"a raw space in the query", `{"upload_url": "http://` + host + `/x?a=b ` + secretText + `"}`},
		{"a bad escape", `{"upload_url": "http://` + host + `/%zz` + secretText + `"}`},
		{"a URL without end", `{"upload_url": "http://` + host + `/` + strings.Repeat("x", 20<<10) + `"}`},
		{"an answer without end", `{"upload_url": "` + elsewhere.URL + `", "pad": "` + strings.Repeat("x", 80<<10) + `"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.onPost = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tc.answer) }
			c := l.client()
			i, _ := newImport(c, 100)
			out := l.attempt(c, i)
			wantClass(t, out, Malformed, ReasonMalformed)
			checkFailure(t, out, OperationCreate, 200)
		})
	}
}

func TestClient_takesOddAnswers(t *testing.T) {
	for _, tc := range []struct{ name, fields, id string }{
		{"the newer name of the id", `, "request_id": "snake"`, "snake"},
		{"no id", ``, ""},
		{"an id that is a number", `, "requestId": 7`, ""},
		{"an id that would break a log line", `, "requestId": "a\nb"`, ""},
		{"an expiry that is no time", `, "requestId": "r", "expires_at": "soon"`, "r"},
		{"an expiry long ago", `, "requestId": "r", "expires_at": "2001-01-01T00:00:00Z"`, "r"},
		{"further fields", `, "requestId": "r", "x": [{}]`, "r"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.onPost = func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusCreated)
				fmt.Fprintf(w, `{"upload_url": %q%s}`, l.uploadURL(), tc.fields)
			}
			c := l.client()
			i, _ := newImport(c, 100)
			wantClass(t, l.attempt(c, i), Stored, "")
			if i.RequestID() != tc.id {
				t.Errorf("request id %q, want %q", i.RequestID(), tc.id)
			}
		})
	}
}

func TestClient_createEndsInBoundedTime(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
		class  Class
		reason string
	}{
		{"a drip of an answer", drip(200), RetryLater, ReasonTimeout},
		{"a drip of a refusal", drip(503), RetryLater, ReasonServerError},
		{"an answer without end", endless(200), Malformed, ReasonMalformed},
		{"a refusal without end", endless(429), RetryLater, ReasonThrottled},
		{"a header of 1 MB", bigHeader, RetryLater, ReasonNetwork},
		{"gzip that nobody asked for, cut short", cutGzip, Malformed, ReasonMalformed},
		{"an answer cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "{")
		}, Malformed, ReasonMalformed},
		{"no answer", silence, RetryLater, ReasonTimeout},
		{"a reset", func(w http.ResponseWriter, r *http.Request) { abort(w, r, 0) }, RetryLater, ReasonNetwork},
		{"no HTTP", raw("hello " + secretText + "\r\n\r\n"), RetryLater, ReasonNetwork},
		{"a length that no memory has", raw("HTTP/1.1 200 OK\r\nContent-Length: 4611686018427387904\r\n\r\n{"), Malformed, ReasonMalformed},
		{"another protocol", raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"), Malformed, ReasonMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, l *lab) {
				l.cfg.CreateTimeout = 300 * time.Millisecond
				l.onPost = tc.answer
				c := l.client()
				if d := took(func() { wantClass(t, l.create(c, c.NewImport("orders", nil, 0)), tc.class, tc.reason) }); d > l.cfg.CreateTimeout {
					t.Errorf("it took %s", d)
				}
			})
		})
	}
}

// drip answers one byte at a time, without end.
func drip(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		for tick := time.NewTicker(20 * time.Millisecond); r.Context().Err() == nil; <-tick.C {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// silence never answers. It reads the body first: only then does the server
// see the client leave.
func silence(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func endless(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		for block := make([]byte, 64<<10); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}
}

func bigHeader(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("X-Pad", strings.Repeat(secretText, 100_000))
}

func cutGzip(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("Accept-Encoding"); got != "identity" {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	var text strings.Builder
	z := gzip.NewWriter(&text)
	_, _ = io.WriteString(z, `{"upload_url": "https://x/"}`)
	_ = z.Close()
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = io.WriteString(w, text.String()[:text.Len()/2])
}

// raw answers with just this text and closes.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
}

func TestClient_neverFollowsARedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect was followed: %s, %v", r.Method, r.Header)
	}))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, operation := range []string{OperationCreate, OperationUpload} {
			t.Run(fmt.Sprint(operation, status), func(t *testing.T) {
				l := newLab(t)
				away := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) }
				if operation == OperationCreate {
					l.onPost = away
				} else {
					l.onPut = away
				}
				c := l.client()
				i, _ := newImport(c, 100_000)
				wantClass(t, l.attempt(c, i), Malformed, ReasonMalformed)
			})
		}
	}
}

func TestClient_rotatedKey(t *testing.T) {
	const other = "sk_test_SECRETKEY_2"
	for _, tc := range []struct {
		name    string
		next    string
		err     error
		class   Class
		posts   int
		reloads int
	}{
		{"the file holds the new key", other, nil, Stored, 2, 1},
		{"the file still holds the old one", "", nil, Unauthorised, 1, 1},
		{"the file holds another wrong one", "sk_test_SECRETKEY_3", nil, Unauthorised, 2, 1},
		{"the file is gone", "", errors.New("read key file: no such file"), Unauthorised, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.key.good, l.key.next, l.key.err = other, tc.next, tc.err
			c := l.client()
			i, _ := newImport(c, 100)
			out := l.attempt(c, i)
			if out.Class != tc.class || l.postCount() != tc.posts || l.key.reloads != tc.reloads {
				t.Fatalf("outcome %s, %d POSTs, %d reloads: %v", out.Class, l.postCount(), l.key.reloads, out.Err)
			}
			if tc.err != nil && !errors.Is(out.Err, tc.err) {
				t.Errorf("error %v does not say why the key could not be read", out.Err)
			}
		})
	}
}

// TestClient_keyReloadedByAnother: two attempts are refused with the old key;
// the second one's reload changes nothing, and still it must try the new key.
func TestClient_keyReloadedByAnother(t *testing.T) {
	l := newLab(t)
	l.key.good = "sk_test_SECRETKEY_2"
	l.onPost = func(w http.ResponseWriter, r *http.Request) {
		if l.postCount() == 1 {
			l.key.mu.Lock()
			l.key.value, l.key.next = l.key.good, l.key.good
			l.key.mu.Unlock()
		}
		l.grant(w, r)
	}
	c := l.client()
	wantClass(t, l.create(c, c.NewImport("orders", nil, 0)), Stored, "")
}

func TestClient_namespaceNeverReachesAPathUnchecked(t *testing.T) {
	l := newLab(t)
	c := l.client()
	for _, name := range []string{"", ".", "..", "../x", "a b", "a/b", "a?b", "a%2fb", "é", strings.Repeat("x", 100) + "\n"} {
		out := l.create(c, c.NewImport(name, nil, 0))
		wantClass(t, out, Refused, "")
	}
	if l.postCount() != 0 {
		t.Errorf("%d POSTs", l.postCount())
	}
}

func TestClient_createAddress(t *testing.T) {
	for _, tc := range []struct{ base, path, want string }{
		{"", "", "/v1/data/orders_1-X/import"},
		{"/", "", "/v1/data/orders_1-X/import"},
		{"/proxy/", "/v1/data/{namespace}/requests/upload-url", "/proxy/v1/data/orders_1-X/requests/upload-url"},
	} {
		l := newLab(t)
		l.cfg.BaseURL = l.cfg.BaseURL.JoinPath()
		l.cfg.BaseURL.Path, l.cfg.Path = tc.base, tc.path
		l.onPost = func(w http.ResponseWriter, r *http.Request) {
			if r.RequestURI != tc.want {
				t.Errorf("POST %s, want %s", r.RequestURI, tc.want)
			}
			l.grant(w, r)
		}
		c := l.client()
		wantClass(t, l.create(c, c.NewImport("orders_1-X", nil, 0)), Stored, "")
	}
}

func TestClient_describesWhatAPersonCanMend(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = quiet()
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	alert := func(bytes ...byte) string { // what answers a ClientHello in that way
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		go func() { // ends with the listener
			for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = conn.Write(bytes)
				conn.Close()
			}
		}()
		return "https://" + listener.Addr().String()
	}
	plainly := func(answer string) string { return strings.Replace(alert([]byte(answer)...), "https:", "http:", 1) }
	for _, tc := range []struct{ name, base, want string }{
		{"another version of TLS", alert(21, 3, 1, 0, 2, 2, 70), "refuses the TLS handshake (tls: protocol version not supported): it may know no TLS of 1.2"},
		{"HTTP/2 only", alert(21, 3, 3, 0, 2, 2, 120), "(tls: no application protocol): it may know no TLS of 1.2 or newer, speak no HTTP/1.1,"},
		{"a client certificate is wanted", alert(21, 3, 3, 0, 2, 2, 116), "(tls: certificate required)"},
		{"nobody listens", "http://127.0.0.1:1", "create upload URL for orders: dial 127.0.0.1:1: connection refused"},
		{"no such host", "https://api.invalid", "api.invalid"},
		{"a private CA", secure.URL, "x509: certificate signed by unknown authority: set BRIDGE_HTTP_CA_FILE"},
		{"no HTTP", plainly("SSH-2.0-OpenSSH_9.6\r\n\r\n"), "create upload URL for orders: the answer is not HTTP/1.1"},
		{"a header that does not end", plainly("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 100_000)), "the answer's header is longer than 64 KiB"},
		{"two lengths", plainly("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "the answer's Content-Length is not one number"},
		{"an encoding that nobody asked for", plainly("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), "the answer's transfer encoding is not chunked"},
		{"TLS to a plain port", strings.Replace(plain.URL, "http:", "https:", 1), "the other side does not speak TLS"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.cfg.BaseURL, _ = url.Parse(tc.base)
			if tc.name == "no such host" {
				l.cfg.DialContext = failingDial(&net.DNSError{Err: "no such host", Name: "api.invalid", IsNotFound: true})
			}
			c := l.client()
			out := l.create(c, c.NewImport("orders", nil, 0))
			wantClass(t, out, RetryLater, ReasonNetwork)
			if !strings.Contains(out.Err.Error(), tc.want) {
				t.Errorf("error %q, want %q", out.Err, tc.want)
			}
		})
	}
}

// TestClient_createIsEnded while the answer is read: that is no answer.
func TestClient_createIsEnded(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopped")
	l.onPost = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		time.AfterFunc(20*time.Millisecond, func() { cancel(stop) })
		<-r.Context().Done()
	}
	c := l.client()
	out := c.NewImport("orders", nil, 0).Create(ctx, nil)
	if out.Class != Cancelled || !errors.Is(out.Err, stop) {
		t.Errorf("%s, error %v", out.Class, out.Err)
	}
}

func FuzzParseGrant(f *testing.F) {
	for _, seed := range []string{
		`{"expires_at": "2026-01-01T12:00:00Z", "objectKey": "k", "requestId": "r", "status": "pending_upload", "upload_url": "https://s.example.com/b/k?X-Amz-Signature=1"}`,
		`{"upload_url": "http://127.0.0.1:1/x", "request_id": "s"}`, `{"upload_url": "http://u:p@h/"}`, `{"upload_url": "http://0"}`, `{"upload_url": "https://h/", "requestId": 7, "expires_at": {}}`, `{"upload_url": "ftp://h"}`,
		`{"upload_url": "https://[::1%25eth0]:443/x"}`, `{}`, `null`, `[]`, "", `{"upload_url": "https://h/\u0000"}`, `{"upload_url": "https://h:99999/"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		g, err := parseGrant(answer, false)
		if err != nil {
			if len(err.Error()) > 120 { // as long as the longest that quotes nothing
				t.Fatalf("the error quotes the answer: %v", err)
			}
			return
		}
		if g.upload.Hostname() == "" || g.upload.User != nil || g.upload.Scheme != "https" && (g.upload.Scheme != "http" || !loopback.Is(g.upload.Hostname())) {
			t.Fatalf("accepted %q", g.upload)
		}
		if life := g.lifetime(http.Header{}, time.Now()); life <= 0 || life >= urlLifetime {
			t.Fatalf("a new URL lives %s", life)
		}
		if strings.ContainsAny(g.requestID, "\r\n\t ") || len(g.requestID) > maxRequestIDBytes {
			t.Fatalf("request id %q", g.requestID)
		}
	})
}
