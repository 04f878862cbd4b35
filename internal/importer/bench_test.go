package importer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// benchServer is an API and a store that cost as little as they can, so that what
// is measured is the client.
func benchServer(b *testing.B) (base *url.URL) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = listener.Close() })
	base, err = url.Parse("http://" + listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	grant := fmt.Sprintf(`{"expires_at": "2100-01-01T00:00:00Z", "objectKey": "k", "requestId": "req-1", "status": "pending_upload", "upload_url": "%s/bucket/o.jsonl?X-Amz-Signature=%s"}`,
		base, strings.Repeat("s", 1000))
	answer := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Mon, 23 Nov 2026 21:00:00 GMT\r\nContent-Length: %d\r\n\r\n%s", len(grant), grant)
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveBench(conn, answer) // ends with the client's connection
		}
	}()
	return base
}

func serveBench(conn net.Conn, grant string) {
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 256<<10)
	for {
		post, expect, length := false, false, 0
		for first := true; ; first = false {
			line, err := r.ReadSlice('\n')
			if err != nil {
				return
			}
			if len(line) == 2 {
				break
			}
			text := string(line)
			if n, ok := strings.CutPrefix(text, "Content-Length: "); ok {
				length, _ = strconv.Atoi(strings.TrimSpace(n))
			}
			post = post || first && strings.HasPrefix(text, "POST")
			expect = expect || strings.HasPrefix(text, "Expect")
		}
		if expect {
			_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		if _, err := r.Discard(length); err != nil {
			return
		}
		if post {
			_, _ = io.WriteString(conn, grant)
		} else {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 0\r\n\r\n")
		}
	}
}

// BenchmarkClient_Attempt is a whole import, POST and PUT, and the server's part.
func BenchmarkClient_Attempt(b *testing.B) {
	for _, size := range []int{10 << 10, 100 << 10, 8 << 20} {
		b.Run(strconv.Itoa(size>>10)+"KiB", func(b *testing.B) {
			c := New(Config{BaseURL: benchServer(b), Key: &rotatingKey{value: secretKey}}, nil)
			defer c.Close()
			var blocks [][]byte
			for left, n := size, 1<<10; left > 0; n = min(2*n, 256<<10) { // as the batcher grows them
				blocks = append(blocks, make([]byte, min(n, left)))
				left -= min(n, left)
			}
			guard := func() error { return nil }
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if out := c.NewImport("orders", blocks, int64(size)).Attempt(b.Context(), guard); out.Class != Stored {
					b.Fatal(out.Err)
				}
			}
		})
	}
}
