package http1

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
)

// A gate is a proxy in a town. It keeps what it was asked for.
type gate struct {
	town *town
	mu   sync.Mutex
	seen []string
	no   string // its answer to CONNECT, instead of a tunnel
}

func (g *gate) note(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen = append(g.seen, text)
}

func (g *gate) noted() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.seen)
}

// join passes bytes both ways until one side ends.
func (g *gate) join(near net.Conn, to string) {
	far, err := new(net.Dialer).DialContext(context.Background(), "tcp", g.town.servers[to])
	if err != nil {
		return
	}
	go func() { // ends with either connection
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}()
	_, _ = io.Copy(far, near)
	_ = far.Close()
}

// http is a proxy that is asked by CONNECT, or to make plain requests itself.
func (g *gate) http(conn net.Conn) {
	var head strings.Builder
	in := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
		head.WriteString(line)
	}
	g.note(head.String())
	to, tunnel := strings.CutPrefix(head.String(), "CONNECT ")
	switch {
	case g.no != "":
		_, _ = io.WriteString(conn, g.no)
	case tunnel:
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		g.join(conn, strings.Fields(to)[0])
	default:
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nby gate")
	}
}

// socks is a proxy of RFC 1928 that wants a user and password (RFC 1929) unless wants is
// "", and answers by reply.
func (g *gate) socks(wants string, reply byte) func(net.Conn) {
	return func(conn net.Conn) {
		take := func(n byte) string {
			b := make([]byte, n)
			_, _ = io.ReadFull(conn, b)
			return string(b)
		}
		length := func() byte { return take(1)[0] }
		take(1)
		methods := take(length())
		switch {
		case wants == "":
			_, _ = conn.Write([]byte{5, 0})
		case !strings.Contains(methods, "\x02"):
			_, _ = conn.Write([]byte{5, 0xff})
			return
		default:
			_, _ = conn.Write([]byte{5, 2})
			take(1)
			user := take(length())
			if user+":"+take(length()) != wants {
				_, _ = conn.Write([]byte{1, 1})
				return
			}
			_, _ = conn.Write([]byte{1, 0})
		}
		kind := take(4)[3]
		host := take(length())
		port := take(2)
		to := fmt.Sprintf("%s:%d", host, int(port[0])<<8|int(port[1]))
		g.note(fmt.Sprintf("%d %s", kind, to))
		_, _ = conn.Write([]byte{5, reply, 0, 1, 0, 0, 0, 0, 0, 0})
		if reply == 0 {
			g.join(conn, to)
		}
	}
}
