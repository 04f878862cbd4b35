package kafka

import (
	"context"
	"net"
)

// SetDial makes later connections by other means than the configuration says.
func (c *Client) SetDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	c.conns.dial = dial
}

// OpenConnections counts them.
func (c *Client) OpenConnections() int {
	c.conns.mu.Lock()
	defer c.conns.mu.Unlock()
	return len(c.conns.open)
}
