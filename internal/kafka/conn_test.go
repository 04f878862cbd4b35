package kafka

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// silent accepts connections and answers nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// kafka-go tries the brokers in their order and takes the first that accepts a
// connection. One that accepts and answers nothing must not be the first for ever.
func TestConnTracker_passesOverASilentBrokerOnce(t *testing.T) {
	first, second := silent(t), silent(t)
	for _, tc := range []struct {
		name    string
		brokers []string
		passed  bool
	}{
		{"one of two", []string{first, second}, true},
		{"the only one", []string{first}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tracker := newConnTracker(Config{Brokers: tc.brokers, DialTimeout: 10 * time.Second, Dial: new(net.Dialer).DialContext})
			defer tracker.close()
			dial := func() (net.Conn, error) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				return tracker.dialMembership(ctx, "tcp", first)
			}
			c, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.SetReadDeadline(time.Now()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("read: %v, want a timeout", err)
			}
			if _, err := tracker.dialMembership(t.Context(), "tcp", second); err != nil {
				t.Errorf("the other broker is passed over: %v", err)
			}
			if _, err := dial(); (err != nil) != tc.passed {
				t.Errorf("the next dial: %v, want it passed over %v", err, tc.passed)
			}
			if _, err := dial(); err != nil {
				t.Errorf("the dial after the next: %v", err)
			}
		})
	}
}
