//go:build !unix

package http1

import "net"

// stands reports whether an idle connection may take a request. Here nobody knows
// before it is tried.
func stands(net.Conn) bool { return true }
