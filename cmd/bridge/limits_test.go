package main

import "testing"

// The heap, the pages of the binary and what is no heap have to fit the buffer and 64 MiB.
func TestMemoryLimit(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ buffer, container, want int64 }{
		{16 * mib, 0, 62*mib + mib/2},
		{64 * mib, 0, 112 * mib},
		{256 * mib, 0, 308 * mib},
		{1024 * mib, 0, 1076 * mib},
		{256 * mib, 1024 * mib, 308 * mib},
		{256 * mib, 320 * mib, 288 * mib},
	} {
		if got := memoryLimit(c.buffer, c.container); got != c.want {
			t.Errorf("limit of a buffer of %d MiB in a container of %d MiB is %d, want %d", c.buffer/mib, c.container/mib, got, c.want)
		}
	}
}
