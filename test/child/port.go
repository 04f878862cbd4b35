package child

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// given are the ports that this process has found before: whoever asked for one may
// not listen on it yet.
var given sync.Map

// registerName is known before a test chooses another folder for temporary files.
var registerName = filepath.Join(os.TempDir(), fmt.Sprintf("kafka-import-bridge-ports-%d", os.Getuid()))

// register opens the file whose locked bytes are the ports that living processes of
// this user have found. It stays open, since closing it would let go of them.
var register = sync.OnceValues(func() (*os.File, error) {
	return os.OpenFile(registerName, os.O_CREATE|os.O_RDWR, 0o600)
})

// FreePorts finds n loopback ports that nobody listens on, others at each call and in
// each process. They lie below the range from which the kernel gives ports to outgoing
// connections, so that nobody takes one before a child listens on it, or while a killed
// one is away.
func FreePorts(ctx context.Context, n int) ([]int, error) {
	const low, high, tries = 12000, 32000, 1000
	file, err := register()
	if err != nil {
		return nil, fmt.Errorf("find free ports: %w", err)
	}
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
		if _, known := given.LoadOrStore(port, true); known {
			continue
		}
		lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: int64(port), Len: 1}
		if syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &lock) == nil {
			free = append(free, port)
		}
	}
	return nil, errors.New("find free ports: too many are taken")
}
