package http1

import (
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestConn_endsWithAnObjection: the caller objects to a piece, of a request that could
// be repeated on a kept connection. It is over at once, and no whole body arrives.
func TestConn_endsWithAnObjection(t *testing.T) {
	for name, tc := range map[string]struct {
		request *Request
		piece   int
		sent    Sent
	}{
		"a small one":    {request("POST", "hello"), 1, Sent{}},
		"the first":      {large(), 1, Sent{}},
		"one in between": {large(), 3, Sent{Header: true}},
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, lab func(*testing.T, func(*peer)) *lab) {
				l := lab(t, func(p *peer) {
					for r, _ := p.request(); r != nil; r, _ = p.request() {
						if r.Method != "GET" {
							t.Errorf("a whole %s arrives", r.Method)
						}
						p.reply(fine)
					}
				})
				l.wantFine(request("GET", ""))
				asked, objection := 0, errors.New("no")
				r := *tc.request
				r.Repeatable, r.Until = true, time.Now().Add(10*time.Second)
				r.Before = func() error {
					if asked++; asked == tc.piece {
						return objection
					}
					return nil
				}
				start := time.Now()
				_, sent, err := l.do(&r)
				if d := time.Since(start); !errors.Is(err, objection) || sent != tc.sent || asked != tc.piece || d > time.Second+l.slack {
					t.Errorf("%v, %+v after %d questions and %s", err, sent, asked, d)
				}
				l.wantConns(1)
			})
		})
	}
}

// A broken connection takes nothing, though an answer may have come on it.
type broken struct{ scripted }

func (*broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestConn_takesTheAnswerOfABrokenConnection: the server said why it closes.
func TestConn_takesTheAnswerOfABrokenConnection(t *testing.T) {
	for _, body := range []string{"hello", bigBody} {
		for text, status := range map[string]int{"HTTP/1.1 408 Too late\r\nContent-Length: 0\r\n\r\n": 408, "": 0} {
			synctest.Test(t, func(t *testing.T) {
				to := &broken{scripted{answer: strings.NewReader(text), step: 100}}
				c, client := newConn(to, to), New(Config{MaxIdle: 1})
				resp, sent, err := client.exchange(neverDone, c, request("PUT", body))
				if (err == nil) != (status > 0) || err == nil && resp.Status != status || sent.Header || len(client.idle) > 0 {
					t.Errorf("%d bytes: %+v, %+v, %v", len(body), resp, sent, err)
				}
				if small := len(body) < firstBytes; small && status == 0 && !errors.Is(err, io.ErrClosedPipe) {
					t.Errorf("%d bytes: %v", len(body), err)
				}
			})
		}
	}
}

// A mute connection takes nothing, and nothing comes from it.
type mute struct{ net.Conn }

func (mute) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestConn_waitsShortlyForTheAnswerOfABrokenConnection, which may have none.
func TestConn_waitsShortlyForTheAnswerOfABrokenConnection(t *testing.T) {
	for _, body := range []string{"hello", bigBody} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer far.Close()
			began := time.Now()
			_, sent, err := New(Config{MaxIdle: 1}).exchange(neverDone, newConn(mute{near}, near), request("PUT", body))
			if d := time.Since(began); err == nil || sent.Header || d != answerGrace {
				t.Errorf("%d bytes: %v, %+v after %s", len(body), err, sent, d)
			}
		})
	}
}

// TestClient_leavesOnlyTheServerThatIsIll: the connections to others are kept.
func TestClient_leavesOnlyTheServerThatIsIll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(p *peer) {
			for r, _ := p.request(); r != nil; r, _ = p.request() {
				status := "200"
				if r.Host == "ill.example" {
					status = "500"
				}
				p.reply("HTTP/1.1 " + status + " x\r\nContent-Length: 0\r\n\r\n")
			}
		})
		for _, host := range []string{"well.example", "ill.example", "ill.example", "well.example"} {
			r := request("PUT", "hello")
			r.URL = &url.URL{Scheme: "http", Host: host, Path: "/"}
			_, _, _ = l.do(r)
		}
		l.wantConns(2)
	})
}
