// Package loopback says which hosts are this machine. It owns the one rule by
// which a setting is judged when it is loaded and again where it is used:
// plain http and profiles are for such hosts. It is pure, knows no other room,
// and any may import it.
package loopback

import (
	"net/netip"
	"strings"
)

// Is reports whether host, a name or an address without port and brackets, is
// this machine. No name is looked up: "localhost" is the only one.
func Is(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
