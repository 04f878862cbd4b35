package sandbox

import (
	"net"
	"strconv"
	"sync/atomic"
)

// firstFreePort is where Network hands out ports, above the well-known ones.
const firstFreePort = 20_000

// freePort hands out each port once. The zero value is ready.
type freePort struct{ used atomic.Int32 }

// resolve replaces port 0; other addresses stay.
func (f *freePort) resolve(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port != "0" {
		return address
	}
	return net.JoinHostPort(host, strconv.Itoa(firstFreePort+int(f.used.Add(1))))
}
