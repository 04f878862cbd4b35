package batcher

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model does what a Batcher promises with slices, maps and full scans.
type model struct {
	limits Limits
	open   []*modelBatch // in the order of opening
	left   []*modelBatch // sealed or dropped, not released
	busy   map[string]bool
}

type modelBatch struct {
	namespace string
	lines     []string
	oldest    int64
	opened    time.Time
	charged   int64  // by Charge
	got       *Batch // what the Batcher returned for it
}

func (m *modelBatch) bytes() (n int64) {
	for _, line := range m.lines {
		n += int64(len(line)) + 1
	}
	return n
}

func (m *model) find(namespace string) *modelBatch {
	for _, batch := range m.open {
		if batch.namespace == namespace {
			return batch
		}
	}
	return nil
}

// bound is the bound that n more bytes would pass.
func (m *model) bound(batch *modelBatch, n int64) Reason {
	if len(batch.lines)+1 > m.limits.MaxRecords {
		return ReasonRecords
	}
	if batch.bytes()+n > m.limits.MaxBytes {
		return ReasonBytes
	}
	return 0
}

// idle returns the open batches of namespaces that are not busy, oldest first.
func (m *model) idle() (idle []*modelBatch) {
	for _, batch := range m.open {
		if !m.busy[batch.namespace] {
			idle = append(idle, batch)
		}
	}
	return idle
}

// leave moves the batch from the open ones to those that left.
func (m *model) leave(batch *modelBatch) {
	m.open = slices.DeleteFunc(m.open, func(b *modelBatch) bool { return b == batch })
	m.left = append(m.left, batch)
}

func TestBatcher_agreesWithModel(t *testing.T) {
	pool := NewPool()
	first := rand.Uint64()
	for seed := first; seed < first+3000; seed++ {
		play(t, pool, fmt.Sprintf("seed %d", seed), randomScript(seed))
	}
}

// randomScript returns the script of a seed, up to 400 bytes.
func randomScript(seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 0))
	script := make([]byte, 20+rnd.IntN(380))
	for i := range script {
		script[i] = byte(rnd.Uint32())
	}
	return script
}

func FuzzBatcher(f *testing.F) {
	for seed := range uint64(32) {
		f.Add(randomScript(seed))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		play(t, NewPool(), "script", script[:min(len(script), 2000)])
	})
}
