package session

import (
	"runtime"
	"testing"
)

// What decoders keep does not grow with the machine.
func TestSession_decodersAreFew(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for procs, want := range map[int]int{1: 1, 3: 3, 8: 8, 64: 8} {
		if runtime.GOMAXPROCS(procs); decoders() != want {
			t.Errorf("%d decoders on %d cores, want %d", decoders(), procs, want)
		}
	}
}
