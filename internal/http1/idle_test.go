package http1

import (
	"fmt"
	"net/url"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

// TestClient_idleToManyServers: no more than MaxIdle are kept in all, which are those that
// were needed last.
func TestClient_idleToManyServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, echo(fine))
		l.cfg.MaxIdle = 3
		ask := func(n, conns int) {
			t.Helper()
			r := request("GET", "")
			r.URL = &url.URL{Scheme: "http", Host: fmt.Sprintf("%d.example", n), Path: "/"}
			l.wantFine(r)
			l.wantConns(conns)
		}
		for n := 1; n <= 50; n++ {
			ask(n, n)
		}
		for n := 48; n <= 50; n++ {
			ask(n, 50)
		}
		ask(1, 51) // takes the place of 48
		ask(49, 51)
		ask(48, 52) // and this that of 50
		ask(1, 52)
		ask(50, 53)
		if len(l.idle) != 3 {
			t.Errorf("%d are kept", len(l.idle))
		}
	})
}

// TestClient_serverThatDropsTheOldest: the connection that was used last is used next.
func TestClient_serverThatDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used []int
		l := newLab(t, func(p *peer) {
			for r, _ := p.request(); r != nil; r, _ = p.request() {
				used = append(used, p.n)
				p.reply(fine)
			}
		})
		l.together(2)
		last := l.idle[1]
		for range 3 {
			l.wantFine(request("PUT", "hello"))
		}
		if l.idle[1] != last || used[2] != used[3] || used[3] != used[4] {
			t.Errorf("requests by connections %v", used)
		}
	})
}

// TestClient_aDeadConnectionTakesTheOthers of its route, which are idle for longer still,
// so that no PUT after the first one fails by what the server has dropped.
func TestClient_aDeadConnectionTakesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(p *peer) {
			for n := 1; ; n++ {
				if r, _ := p.request(); r == nil || n == 2 && p.n <= 2 {
					return
				}
				p.reply(fine)
			}
		})
		l.together(2)
		other := request("GET", "")
		other.URL = &url.URL{Scheme: "http", Host: "other.example", Path: "/"}
		l.cfg.MaxIdle = 3
		l.wantFine(other)
		if _, _, err := l.do(request("PUT", "hello")); err == nil {
			t.Error("the server has dropped the connection, and the PUT succeeds")
		}
		l.wantFine(request("PUT", "hello"))
		l.wantFine(other)
		l.wantConns(4)
	})
}

// TestClient_holdsNoBlocks: a connection that is idle keeps no memory of its last request.
func TestClient_holdsNoBlocks(t *testing.T) {
	for _, size := range []int{100, len(bigBody)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			l := newSocketLab(t, echo(fine))
			send := func() weak.Pointer[byte] {
				r := request("PUT", "")
				r.Body, r.Size = [][]byte{make([]byte, size)}, int64(size)
				l.wantFine(r)
				return weak.Make(&r.Body[0][0])
			}
			block := send()
			for wait := time.Millisecond; block.Value() != nil && wait < time.Second; wait *= 2 {
				runtime.GC()
				time.Sleep(wait)
			}
			if block.Value() != nil || len(l.idle) != 1 {
				t.Errorf("they are held by one of %d idle connections", len(l.idle))
			}
		})
	}
}
