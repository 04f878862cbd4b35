package http1

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestClient_sendsWhatNetHTTPDoes: the request line and the header's lines, whose order
// does not matter, are those of net/http's transport for the same request.
func TestClient_sendsWhatNetHTTPDoes(t *testing.T) {
	for _, tc := range []struct{ method, url, at, body string }{
		{"GET", "http://shop.example", "shop.example:80", ""},
		{"GET", "http://shop.example/?", "shop.example:80", ""},
		{"GET", "http://SHOP.example:80/a/b", "SHOP.example:80", ""},
		{"POST", "http://shop.example:8080/v1/a%2Fb%20c", "shop.example:8080", "{}"},
		{"PUT", "http://shop.example/a?X-Amz-Signature=a%2Bb+c&d", "shop.example:80", strings.Repeat("x", 100_000)},
		{"PUT", "http://shop.example//a;b,c=d/(e)?x=%zz", "shop.example:80", "x"},
		{"PUT", "http://bücher.example/ü?ü", "xn--bcher-kva.example:80", "x"},
		{"PUT", "http://[::1]/", "[::1]:80", "x"},
		{"PUT", "http://[2001:db8::1]:81/", "[2001:db8::1]:81", "x"},
		{"PUT", "http://127.0.0.1:82/", "127.0.0.1:82", "x"},
		{"PUT", "http://shop.example./", "shop.example.:80", "x"},
	} {
		for _, via := range []string{"", "http://user:pass@gate.example"} {
			t.Run(tc.method+" "+tc.url+" "+via, func(t *testing.T) {
				n := newTown(t)
				heads := make(chan []string, 2)
				record := func(conn net.Conn) {
					var head []string
					for in := bufio.NewReader(conn); ; {
						line, err := in.ReadString('\n')
						if err != nil {
							return
						}
						if line == "\r\n" {
							_, _ = io.CopyN(io.Discard, in, int64(len(tc.body)))
							break
						}
						head = append(head, line)
					}
					slices.Sort(head[1:])
					heads <- head
					_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
				}
				at := tc.at
				if via != "" {
					at = "gate.example:80"
				}
				n.serve(at, record)
				ours, theirs := n.client(nil, via), &http.Transport{DialContext: n.dial, DisableCompression: true}
				theirs.Proxy = func(r *http.Request) (*url.URL, error) { return ours.cfg.Proxy(r.URL) }
				u, err := url.Parse(tc.url)
				if err != nil {
					t.Fatal(err)
				}

				r := &Request{Method: tc.method, URL: u, Until: time.Now().Add(time.Minute), Header: []Field{{"User-Agent", "test"}}}
				their := &http.Request{Method: tc.method, URL: u, Header: http.Header{"User-Agent": {"test"}}}
				if tc.body != "" {
					r.Body, r.Size = [][]byte{[]byte(tc.body)}, int64(len(tc.body))
					their.Body, their.ContentLength = io.NopCloser(strings.NewReader(tc.body)), r.Size
				}
				resp, err := theirs.RoundTrip(their.WithContext(t.Context()))
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				answer, _, err := ours.Do(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				_ = answer.Close()
				if want, got := <-heads, <-heads; !slices.Equal(got, want) {
					t.Errorf("sent %q, net/http sends %q", got, want)
				}
			})
		}
	}
}
