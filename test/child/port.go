package child

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// given are the ports that this process has found before: whoever asked for one may
// not listen on it yet.
var given sync.Map

// FreePorts finds n loopback ports that nobody listens on, others at each call. They
// lie below the range from which the kernel gives ports to outgoing connections,
// so that only another process that looks for ports too may take one before a
// child listens on it, or while a killed one is away.
func FreePorts(ctx context.Context, n int) ([]int, error) {
	const low, high, tries = 12000, 32000, 1000
	var free []int
	for range tries {
		if len(free) == n {
			return free, nil
		}
		port := low + rand.IntN(high-low)
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // kept until all are found
		if _, known := given.LoadOrStore(port, true); !known {
			free = append(free, port)
		}
	}
	return nil, errors.New("find free ports: too many are taken")
}
