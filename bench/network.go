package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// distance is a TCP proxy that puts a network between the subject and the store: what
// either side sends arrives half a round trip later, and a connection takes a round trip
// to open. Its bandwidth is not bounded.
type distance struct {
	listener net.Listener
	to       string // host:port
	trip     time.Duration
	open     sync.WaitGroup
}

// maxUnderWay bounds what is between the two sides of a connection, in pieces of at most
// pieceBytes: more than a window of TCP.
const (
	maxUnderWay = 128
	pieceBytes  = 256 << 10
)

// newDistance listens on a port of its own. The caller must stop it.
func newDistance(to string, trip time.Duration) (*distance, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for what is far away: %w", err)
	}
	d := &distance{listener: listener, to: to, trip: trip}
	d.open.Go(d.accept)
	return d, nil
}

func (d *distance) addr() string { return d.listener.Addr().String() }

// stop ends the listener; the connections end with their sides.
func (d *distance) stop() { d.listener.Close() }

func (d *distance) accept() {
	for {
		near, err := d.listener.Accept()
		if err != nil {
			return // stopped
		}
		far, err := new(net.Dialer).DialContext(context.Background(), "tcp", d.to)
		if err != nil {
			near.Close()
			continue
		}
		// The handshake is a round trip that the kernel has answered at once.
		go d.carry(far, near, time.Now().Add(d.trip))
		go d.carry(near, far, time.Time{})
	}
}

// piece is what one read has brought.
type piece struct {
	bytes []byte
	at    time.Time // when it arrives
}

var pieces = sync.Pool{New: func() any { return new([pieceBytes]byte) }}

// carry moves what one side sends to the other one, not before the time that it takes,
// and nothing before opened.
func (d *distance) carry(to, from net.Conn, opened time.Time) {
	way := make(chan piece, maxUnderWay)
	go func() { // ends with the side that sends
		defer close(way)
		for {
			buf := pieces.Get().(*[pieceBytes]byte)
			n, err := from.Read(buf[:])
			if n > 0 {
				at := time.Now()
				if at.Before(opened) {
					at = opened
				}
				way <- piece{buf[:n], at.Add(d.trip / 2)}
			}
			if err != nil {
				return
			}
		}
	}()
	var failed error
	for p := range way {
		time.Sleep(time.Until(p.at))
		if failed == nil {
			_, failed = to.Write(p.bytes)
		}
		pieces.Put((*[pieceBytes]byte)(p.bytes[:pieceBytes]))
		if failed != nil {
			from.Close()
		}
	}
	if tcp, ok := to.(*net.TCPConn); ok && failed == nil {
		_ = tcp.CloseWrite() // half of the connection may go on
		return
	}
	to.Close()
}
