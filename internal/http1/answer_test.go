package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// scripted is a connection on which an answer has come, in reads of step bytes at most.
type scripted struct {
	net.Conn
	answer io.Reader
	step   int
}

func (s *scripted) Read(p []byte) (int, error)      { return s.answer.Read(p[:min(len(p), s.step)]) }
func (*scripted) Write(p []byte) (int, error)       { return len(p), nil }
func (*scripted) Close() error                      { return nil }
func (*scripted) SetDeadline(time.Time) error       { return nil }
func (*scripted) SetReadDeadline(time.Time) error   { return nil }
func (*scripted) SetWriteDeadline(time.Time) error  { return nil }
func script(text string, step int) (*conn, *Client) { return scriptOf(strings.NewReader(text), step) }
func scriptOf(answer io.Reader, step int) (*conn, *Client) {
	s := &scripted{answer: answer, step: step}
	return newConn(s, s), New(Config{MaxIdle: 1})
}

// read is what our side makes of the bytes on a connection.
type read struct {
	answer
	body []byte
	err  error // of the body
	kept bool  // the connection
}

// readAll reads a header and its body from a connection, as a GET does.
func readAll(c *conn, client *Client) (read, error) {
	resp, _, err := client.exchange(neverDone, c, &Request{Method: "GET", URL: home, Until: time.Now().Add(time.Hour)})
	if err != nil {
		return read{}, err
	}
	r := read{answer: answer{status: resp.Status, header: resp.Header, length: resp.Length}}
	if r.body, r.err = io.ReadAll(resp); r.err == nil {
		r.err = resp.Close()
	}
	r.kept = len(client.idle) > 0
	client.Close()
	return r, nil
}

const ok = "HTTP/1.1 200 OK\r\n"

func TestParseAnswer(t *testing.T) {
	const chunked = -2 // in place of a length
	for _, tc := range []struct {
		text   string
		status int // 0: refused
		length int64
		last   bool
	}{
		{ok, 200, unframed, true},
		{"HTTP/1.1 200\r\n", 200, unframed, true},
		{"HTTP/1.1 200 \nContent-Length: 0\n", 200, 0, false},
		{"HTTP/1.7 299 Fine\r\ncontent-length:7\r\n", 299, 7, false},
		{"HTTP/1.0 200 OK\r\nContent-Length: 7\r\nConnection: keep-alive\r\n", 200, 7, true},
		{ok + "Content-Length: 7\r\nConnection: Keep-Alive\r\n", 200, 7, false},
		{ok + "Content-Length: 7\r\nConnection: x, CLOSE\r\n", 200, 7, true},
		{ok + "Connection: close\r\nContent-Length: 7\r\nConnection: x\r\n", 200, 7, true},
		{ok + "Content-Length: 9223372036854775807\r\n", 200, 1<<63 - 1, false},
		{ok + "Content-Length:\t 7 \t\r\nContent-Length: 7\r\n", 200, 7, false},
		{ok + "X-Content-Length: 7\r\nContent-Length-X: 8\r\n", 200, unframed, true},
		{ok + "Transfer-Encoding: Chunked\r\n", 200, chunked, false},
		{ok + "Transfer-Encoding: chunked\r\nContent-Length: 7\r\n", 200, chunked, true},
		{ok + "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", 200, chunked, true},
		{"HTTP/1.1 100 Continue\r\n", 100, 0, false},
		{"HTTP/1.1 199 x\r\nContent-Length: 7\r\n", 199, 0, false},
		{"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n", 204, 0, false},
		{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n", 204, 0, false},
		{"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n", 304, 0, true},
		{"HTTP/1.1 999 x\r\nEmpty:\r\nContent-Length: 0\r\n", 999, 0, false},
		{ok + "a name: x\r\nContent-Length: 7\r\n", 200, 7, false},
		{ok + "Content-Length : 7\r\n", 200, unframed, true},
		{ok + "Content-Length: 7\r\nA: x\r\n Content-Length: 8\r\n\tTransfer-Encoding: chunked\r\n", 200, 7, false},
		{ok + "Content-Length:\r\n\t7\r\n", 200, 7, false},
		{ok + "Connection:\r\n\t close,\r\n  x\r\nContent-Length:  \n  7\r\n", 200, 7, true},
		{text: ""},
		{text: "\r\n"},
		{text: "HTTP/1.1 200 OK"},
		{text: "HTTP/1.1 20\r\n"},
		{text: "HTTP/1.1 2000\r\n"},
		{text: "HTTP/1.1 200\r\r\n"},
		{text: "HTTP/1.1 099 x\r\n"},
		{text: "HTTP/1.1 +20 x\r\n"},
		{text: "HTTP/1.1  200 OK\r\n"},
		{text: "HTTP/1.1\t200 OK\r\n"},
		{text: "HTTP/1.x 200 OK\r\n"},
		{text: "HTTP/1./ 200 OK\r\n"},
		{text: "HTTP/2.0 200 OK\r\n"},
		{text: "http/1.1 200 OK\r\n"},
		{text: ok + "no colon\r\n"},
		{text: ok + ": no name\r\n"},
		{text: ok + " A: x\r\n"},
		{text: ok + "a\tname: x\r\n"},
		{text: ok + "   : x\r\n"},
		{text: ok + "Näme: x\r\n"},
		{text: ok + "A: a\x00b\r\n"},
		{text: ok + "A: a\rContent-Length: 7\r\n"},
		{text: ok + "\r\nContent-Length: 7\r\n"},
		{text: ok + "Content-Length: -7\r\n"},
		{text: ok + "Content-Length: +7\r\n"},
		{text: ok + "Content-Length: 0x7\r\n"},
		{text: ok + "Content-Length: 7, 7\r\n"},
		{text: ok + "Content-Length:\r\n"},
		{text: ok + "Content-Length: 9223372036854775808\r\n"},
		{text: ok + "Content-Length: 7\r\nContent-Length: 8\r\n"},
		{text: ok + "Transfer-Encoding: chunked\r\nContent-Length: 7\r\nContent-Length: 8\r\n"},
		{text: ok + "Transfer-Encoding: gzip, chunked\r\n"},
		{text: ok + "Transfer-Encoding: identity\r\n"},
		{text: ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"},
	} {
		a, err := parseAnswer([]byte(tc.text))
		if a.chunked {
			a.length = chunked
		}
		if (err != nil) != (tc.status == 0) || a.status != tc.status || a.length != tc.length || a.last != tc.last {
			t.Errorf("%q: %+v, %v", tc.text, a, err)
		}
	}
}

func TestHeader_Get(t *testing.T) {
	h := Header("A: first\r\nB:\t b: c \r\nEmpty:\r\na: second\r\nlast:x\n")
	for name, want := range map[string]string{"a": "first", "A": "first", "b": "b: c", "EMPTY": "", "Last": "x", "c": "", "": "", "first": ""} {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// answers are what servers send, well-formed or not: bodies of all kinds, and what is
// wrong in one of them.
var answers = []string{
	ok + "\r\nuntil the end",
	ok + "Content-Length: 5\r\n\r\nhello",
	ok + "Content-Length: 5\r\n\r\nhell",
	ok + "Content-Length: 5\r\n\r\nhello and more",
	ok + "Content-Length: 5\r\n\r\r\nhello",
	ok + "Content-Length: 0\r\n\r\n",
	"HTTP/1.1 503 Busy\nContent-Length: 5\n\nhello",
	"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"HTTP/1.X 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200\r\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
	ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n \r\n0\r\n\r\n",
	ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n",
	ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
	ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n",
	ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nmore",
	ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
	ok + "Transfer-Encoding: chunked\r\n\r\nx\r\nhello\r\n0\r\n\r\n",
	ok + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	ok + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	ok + "Trailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	ok + "A(: b\r\nContent-Length: 5\r\n\r\nhello",
	ok + "A : b\r\nContent-Length: 5\r\n\r\nhello",
	ok + "A: b \r\n\t c\r\n \r\nContent-Length:\n 5\r\n\r\nhello",
	ok + " A: b\r\nContent-Length: 5\r\n\r\nhello",
	ok + "A: \x01\r\nContent-Length: 5\r\n\r\nhello",
	ok + "A: " + strings.Repeat("long ", 2000) + "\r\nContent-Length: 5\r\n\r\nhello",
	ok + "Content-Length: 5",
}

// FuzzParseAnswer: what we take net/http takes, too, with the same status, header and
// body, and it would keep the connection if we do.
func FuzzParseAnswer(f *testing.F) {
	for _, text := range answers {
		f.Add([]byte(text), uint16(len(text)))
		f.Add([]byte(text), uint16(1))
	}
	f.Fuzz(func(t *testing.T, text []byte, step uint16) {
		if bytes.HasPrefix(text, []byte("HTTP/1.1 1")) {
			t.Skip("an answer before the answer")
		}
		c, client := scriptOf(bytes.NewReader(text), max(int(step), 1))
		ours, err := readAll(c, client)
		if err != nil {
			return // stricter, or both
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
		if err == nil {
			defer resp.Body.Close()
		}
		if allowed(ours) {
			return
		}
		if err != nil {
			t.Fatalf("%q is taken: %+v; net/http: %v", text, ours, err)
		}
		theirs, err := io.ReadAll(resp.Body)
		if ours.status != resp.StatusCode || ours.length != resp.ContentLength {
			t.Errorf("%q: status %d and length %d, net/http: %d and %d", text, ours.status, ours.length, resp.StatusCode, resp.ContentLength)
		}
		for name := range resp.Header {
			if got := ours.header.Get(name); got != strings.TrimRight(resp.Header.Get(name), " \t") {
				t.Errorf("%q: %s is %q, net/http: %q", text, name, got, resp.Header.Get(name))
			}
		}
		// We drop a trailer unread, so that its errors are none.
		if trailer := len(resp.TransferEncoding) > 0; !bytes.Equal(ours.body, theirs) || ours.err == nil && err != nil && !trailer {
			t.Errorf("%q: body %q, %v; net/http: %q, %v", text, ours.body, ours.err, theirs, err)
		}
		if ours.kept && resp.Close {
			t.Errorf("%q: kept", text)
		}
	})
}

// allowed reports what we take though net/http refuses it or reads it otherwise.
func allowed(r read) bool {
	// Nobody reads the trailer's fields, so nobody minds which are announced.
	if r.header.Get("Trailer") != "" {
		return true
	}
	// HTTP/1.0 has no chunks. net/http takes their text for the body, we read them, and
	// close the connection, as RFC 9112, section 6.1, has it.
	return r.header.Get("Transfer-Encoding") != "" && !r.kept
}

func TestResponse_body(t *testing.T) {
	const interim = "HTTP/1.1 100 Continue\r\n\r\n"
	long := strings.Repeat("0123456789", 2000)
	for _, tc := range []struct {
		name, text, body string
		failed, kept     bool
	}{
		{"its length is known", ok + "Content-Length: 5\r\n\r\nhello", "hello", false, true},
		{"none", ok + "Content-Length: 0\r\n\r\n", "", false, true},
		{"none by its status", "HTTP/1.1 204 No Content\r\n\r\n", "", false, true},
		{"it ends early", ok + "Content-Length: 5\r\n\r\nhell", "hell", true, false},
		{"it ends with the connection", ok + "\r\n" + long, long, false, false},
		{"bytes beyond it", ok + "Content-Length: 5\r\n\r\nhello!", "hello", false, false},
		{"bytes beyond none", ok + "Content-Length: 0\r\n\r\n!", "", false, false},
		{"in chunks", ok + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\n\r\n", "hello", false, true},
		{"in chunks of HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", "x", false, false},
		{"in chunks with a trailer", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\nC: " + long + "\r\n\r\n", "hello", false, true},
		{"in chunks with an endless trailer", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: " + long + long + long + long + "\r\n\r\n", "hello", true, false},
		{"in chunks without an end", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello", true, false},
		{"in chunks without their last line", ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "hello", true, false},
		{"bytes beyond chunks", ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n!", "", false, false},
		{"a line longer than the buffer", ok + "A: " + long + "\r\nContent-Length: 5\r\n\r\nhello", "hello", false, true},
		{"after answers that are none yet", strings.Repeat(interim, 100) + ok + "Content-Length: 5\r\n\r\nhello", "hello", false, true},
	} {
		for _, step := range []int{1, 7, 1 << 20} {
			c, client := script(tc.text, step)
			r, err := readAll(c, client)
			if err != nil || string(r.body) != tc.body || (r.err != nil) != tc.failed || errors.Is(r.err, io.EOF) {
				t.Errorf("%s, %d at once: status %d, body %.40q, %v, %v", tc.name, step, r.status, r.body, r.err, err)
			}
			if seen := step > len(tc.text) || !strings.HasPrefix(tc.name, "bytes beyond"); seen && r.kept != tc.kept {
				t.Errorf("%s, %d at once: kept %t", tc.name, step, r.kept)
			}
		}
	}
}

func TestConn_answer_isBounded(t *testing.T) {
	sized := func(n int) string {
		head := ok + "Content-Length: 0\r\nA: "
		return head + strings.Repeat("x", n-len(head)-4) + "\r\n\r\n"
	}
	for _, tc := range []struct {
		name, text string
		want       error
	}{
		{"a header of 64 KiB", sized(maxHeaderBytes), nil},
		{"one byte more", sized(maxHeaderBytes + 1), errLongHeader},
		{"two answers of 64 KiB", "HTTP/1.1 103 x\r\n\r\n" + sized(maxHeaderBytes-18), nil},
		{"one byte more of them", "HTTP/1.1 103 x\r\n\r\n" + sized(maxHeaderBytes-17), errLongHeader},
		{"a line without end", ok + strings.Repeat("x", 1<<20), errLongHeader},
		{"no answer", strings.Repeat("HTTP/1.1 102 x\r\n\r\n", 1<<20), errLongHeader},
		{"another protocol", "HTTP/1.1 101 x\r\n\r\n", nil},
		{"nothing", "", io.ErrUnexpectedEOF},
		{"half a header", ok + "A: b", io.ErrUnexpectedEOF},
		{"a line between header and body", ok + "Content-Length: 1\r\n\r\r\nx", io.ErrUnexpectedEOF},
	} {
		c, client := script(tc.text, 1<<10)
		if _, err := readAll(c, client); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.want)
		}
	}
}
