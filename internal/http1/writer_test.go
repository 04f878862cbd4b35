package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A sink is a connection that takes what is written, slowly, up to a limit.
type sink struct {
	net.Conn
	got    bytes.Buffer
	writes int
	room   int                  // -1: no limit
	pause  func() time.Duration // of a Write; nil: none
}

var errFull = errors.New("the sink is full")

func (s *sink) Write(p []byte) (int, error) {
	s.writes++
	if s.pause != nil {
		time.Sleep(s.pause())
	}
	if s.room >= 0 && s.got.Len()+len(p) > s.room {
		n, _ := s.got.Write(p[:s.room-s.got.Len()])
		return n, errFull
	}
	return s.got.Write(p)
}

func (*sink) SetDeadline(time.Time) error { return nil }

// randomRequest is one whose body is in blocks of any size, empty ones among them.
func randomRequest(rnd *rand.Rand) *Request {
	r := &Request{Method: "PUT", URL: home, Body: [][]byte{}, Until: time.Now().Add(time.Hour)}
	r.Header = []Field{{"A", strings.Repeat("x", max(0, rnd.IntN(200<<10)-100<<10))}}
	sizes := []int{0, 1, 100, firstBytes - 1, firstBytes, firstBytes + 1, minPieceBytes - 1, minPieceBytes, minPieceBytes + 1, maxPieceBytes + 1}
	for range rnd.IntN(12) {
		block := make([]byte, sizes[rnd.IntN(len(sizes))])
		for i := 0; i < len(block); i += 61 {
			block[i] = byte(rnd.Uint32())
		}
		r.Body, r.Size = append(r.Body, block), r.Size+int64(len(block))
	}
	return r
}

// writeTo writes a request to a connection.
func writeTo(to net.Conn, r *Request) (*writer, error) {
	w := new(writer)
	w.begin(r, to)
	if err := w.header(false, ""); err != nil {
		return w, err
	}
	return w, w.body()
}

func TestWriter_writesTheBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(150) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			r := randomRequest(rnd)
			to := &sink{room: -1, pause: func() time.Duration { return time.Duration(rnd.IntN(3)) * quick }}
			asked, before := 0, 0
			inBounds := func(piece int) {
				if piece > max(maxPieceBytes, 101<<10+firstBytes) {
					t.Errorf("seed %d: %d bytes at once", seed, piece)
				}
			}
			r.Before = func() error {
				asked++
				inBounds(to.got.Len() - before)
				if asked > 1 && to.got.Len() == before {
					t.Errorf("seed %d: asked twice", seed)
				}
				before = to.got.Len()
				return nil
			}
			w, err := writeTo(to, r)
			if err != nil || w.sent != (Sent{Header: true, Body: true}) {
				t.Fatalf("seed %d: %v, %+v", seed, err, w.sent)
			}
			if inBounds(to.got.Len() - before); asked == 0 || before == to.got.Len() {
				t.Errorf("seed %d: the last piece was written without a question", seed)
			}
			in := bufio.NewReader(&to.got)
			got, err := http.ReadRequest(in)
			if err != nil || got.ContentLength != r.Size || got.Header.Get("A") != r.Header[0].Value {
				t.Fatalf("seed %d: %+v, %v", seed, got, err)
			}
			body, err := io.ReadAll(got.Body)
			if err != nil || !bytes.Equal(body, bytes.Join(r.Body, nil)) || in.Buffered() > 0 {
				t.Errorf("seed %d: %d bytes of the body, want %d; %v", seed, len(body), r.Size, err)
			}
		}
	})
}

// TestWriter_saysHowFarItGot: the connection fails, or the caller objects.
func TestWriter_saysHowFarItGot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the pieces depend on time
		for seed := range uint64(150) {
			rnd := rand.New(rand.NewPCG(seed, 2))
			r := randomRequest(rnd)
			pieces, begins := 0, []int{} // as they are when nothing fails
			whole := &sink{room: -1}
			r.Before = func() error {
				begins = append(begins, whole.got.Len())
				pieces++
				return nil
			}
			if _, err := writeTo(whole, r); err != nil {
				t.Fatal(err)
			}
			room := rnd.IntN(whole.got.Len())
			if rnd.IntN(4) == 0 {
				room = 0
			}
			asked := 0
			r.Before = func() error { asked++; return nil }
			cut := &sink{room: room}
			w, err := writeTo(cut, r)
			if want := (Sent{Header: room > 0, Body: room >= begins[pieces-1]}); !errors.Is(err, errFull) || w.sent != want || w.refused {
				t.Errorf("seed %d: %+v after %d bytes, want %+v; %v", seed, w.sent, room, want, err)
			}
			stop, objection := 1+rnd.IntN(pieces), errors.New("no")
			asked = 0
			r.Before = func() error {
				if asked++; asked == stop {
					return objection
				}
				return nil
			}
			ended := &sink{room: -1}
			w, err = writeTo(ended, r)
			if !errors.Is(err, objection) || !w.refused || w.sent != (Sent{Header: stop > 1}) || ended.got.Len() != begins[stop-1] {
				t.Errorf("seed %d: %+v, %d bytes after the objection to piece %d, want %d; %v", seed, w.sent, ended.got.Len(), stop, begins[stop-1], err)
			}
		}
	})
}

func TestWriter_growsPiecesWhileTheyGoQuickly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slow, growing = "[64 64 64 64 64 64 64 64 64 64 64 64 64 64 64 64 1]", "[64 128 256 512 65]"
		for pause, want := range map[time.Duration]string{0: growing, quick / 2: growing, quick/2 + 1: slow, time.Hour: slow} {
			// The first piece is two Writes: the header, and what lies in the block.
			to := &sink{room: -1, pause: func() time.Duration { return pause }}
			r := &Request{Method: "PUT", URL: home, Body: [][]byte{make([]byte, 1<<20)}, Size: 1 << 20}
			var sizes []int
			last := 0
			r.Before = func() error {
				if n := to.got.Len(); n > 0 {
					sizes, last = append(sizes, (n-last+1023)>>10), n
				}
				return nil
			}
			if _, err := writeTo(to, r); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(append(sizes, (to.got.Len()-last+1023)>>10)); got != want {
				t.Errorf("%s each: KiB %s, want %s", pause, got, want)
			}
		}
	})
}

func TestWriter_aSmallRequestIsOneWrite(t *testing.T) {
	for _, tc := range []struct {
		body   [][]byte
		writes int
	}{
		{nil, 1},
		{[][]byte{{}}, 1},
		{[][]byte{make([]byte, 100), {}, make([]byte, 100)}, 1},
		{[][]byte{make([]byte, firstBytes)}, 1},
		{[][]byte{make([]byte, firstBytes-1), {1}, {}}, 1},
		{[][]byte{make([]byte, firstBytes), {1}}, 2},
	} {
		to := &sink{room: -1}
		r := &Request{Method: "PUT", URL: home, Body: tc.body, Size: int64(len(bytes.Join(tc.body, nil)))}
		if w, err := writeTo(to, r); err != nil || to.writes != tc.writes || w.small() && tc.writes > 1 && w.left > 0 {
			t.Errorf("%d bytes: %d writes, %v", r.Size, to.writes, err)
		}
		if has := strings.Contains(to.got.String(), "Content-Length: "); has != (tc.body != nil) {
			t.Errorf("%d bytes: a length is sent: %t", r.Size, has)
		}
	}
}

// TestWriter_refuses what would be another request than the caller means, before any
// of it is written.
func TestWriter_refuses(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"a line in a value":       func(r *Request) { r.Header = []Field{{"A", "b\r\nC: d"}} },
		"a line feed in a value":  func(r *Request) { r.Header = []Field{{"A", "b\nC: d"}} },
		"a NUL in a value":        func(r *Request) { r.Header = []Field{{"A", "b\x00"}} },
		"a line in a name":        func(r *Request) { r.Header = []Field{{"A: b\r\nC", "d"}} },
		"a colon in a name":       func(r *Request) { r.Header = []Field{{"A:", "d"}} },
		"no name":                 func(r *Request) { r.Header = []Field{{"", "d"}} },
		"a space in the query":    func(r *Request) { r.URL = &url.URL{Scheme: "http", Host: "a", RawQuery: "a=b HTTP/1.1"} },
		"a line in the query":     func(r *Request) { r.URL = &url.URL{Scheme: "http", Host: "a", RawQuery: "a\r\nB: c"} },
		"a DEL in the query":      func(r *Request) { r.URL = &url.URL{Scheme: "http", Host: "a", RawQuery: "a=\x7f"} },
		"a line in the host":      func(r *Request) { r.URL = &url.URL{Scheme: "http", Host: "a\r\nB: c"} },
		"a space in the method":   func(r *Request) { r.Method = "PUT /x" },
		"blocks shorter than it":  func(r *Request) { r.Size++ },
		"blocks longer than it":   func(r *Request) { r.Size-- },
		"far shorter, and large":  func(r *Request) { r.Size = 10 << 20 },
		"a host that is no name":  func(r *Request) { r.URL = &url.URL{Scheme: "http", Host: "ä_b"} },
		"no blocks, but a length": func(r *Request) { r.Body = nil },
	} {
		to := &sink{room: -1}
		r := &Request{Method: "PUT", URL: home, Body: [][]byte{[]byte("hello"), []byte("!")}, Size: 6}
		change(r)
		if w, err := writeTo(to, r); err == nil || !w.refused || to.writes > 0 || w.sent != (Sent{}) {
			t.Errorf("%s: %v, %+v: %q", name, err, w.sent, to.got.String())
		}
	}
}

func TestWriter_requestLine(t *testing.T) {
	for text, want := range map[string]string{
		"http://a.example":                     "PUT / HTTP/1.1\r\nHost: a.example\r\n",
		"http://a.example?":                    "PUT /? HTTP/1.1\r\nHost: a.example\r\n",
		"http://a.example:81/b%2Fc?d=%20&e#f":  "PUT /b%2Fc?d=%20&e HTTP/1.1\r\nHost: a.example:81\r\n",
		"http://[::1]:81/ä":                    "PUT /%C3%A4 HTTP/1.1\r\nHost: [::1]:81\r\n",
		"http://user:secret@bücher.example:81": "PUT / HTTP/1.1\r\nHost: xn--bcher-kva.example:81\r\n",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		to := &sink{room: -1}
		if _, err := writeTo(to, &Request{Method: "PUT", URL: u}); err != nil || to.got.String() != want+"\r\n" {
			t.Errorf("%s: %q, %v", text, to.got.String(), err)
		}
	}
}
