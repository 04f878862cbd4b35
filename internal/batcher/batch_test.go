package batcher

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestBatch_releaseTwiceReturnsItsBlocksOnce(t *testing.T) {
	pool := NewPool()
	b := New(wide(), pool)
	add(t, b, "users", "1", time.UnixMilli(0))
	batch, _ := b.Drop("users")
	batch.Release()
	other, _ := add(t, b, "listings", "2", time.UnixMilli(0))
	used := pool.InUse()
	batch.Release()
	if pool.InUse() != used || pool.Idle() != 0 || body(other) != "2\n" {
		t.Errorf("second Release: %d in use, %d idle, other body %q", pool.InUse(), pool.Idle(), body(other))
	}
	for range 3 {
		if block := pool.get(minBlock); cap(block) != minBlock {
			t.Errorf("the pool hands out a block of %d bytes", cap(block))
		}
	}
}

func TestBatch_releaseWhileOpenPanics(t *testing.T) {
	b := New(wide(), NewPool())
	open, _ := add(t, b, "users", "1", time.UnixMilli(0))
	defer func() {
		if recover() == nil {
			t.Errorf("Release of an open batch did not panic")
		}
	}()
	open.Release()
}

func TestBatch_chargesWhatItCosts(t *testing.T) {
	const namespaces = 50_000
	pool := NewPool()
	names := make([]string, namespaces)
	for i := range names {
		names[i] = fmt.Sprintf("namespace-%d", i)
	}
	before := heap()
	b := New(wide(), pool)
	for _, name := range names {
		add(t, b, name, `{"id":"a"}`, time.UnixMilli(0))
	}
	grown := heap() - before
	if charged := pool.InUse(); grown > charged || grown < charged*8/10 {
		t.Errorf("%d namespaces: heap grew by %d, charged %d", namespaces, grown, charged)
	}
	if each := pool.InUse() / namespaces; each > 1536 {
		t.Errorf("a small batch is charged %d bytes, want at most 1536", each)
	}
	runtime.KeepAlive(b)
	runtime.KeepAlive(names)
}

// heap returns the bytes of reachable objects.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestBatch_blocksGrowWithTheBody(t *testing.T) {
	b := New(wide(), NewPool())
	line := strings.Repeat("x", 999)
	var batch *Batch
	for range 8 << 20 / 1000 {
		batch, _ = add(t, b, "users", line, time.UnixMilli(0))
	}
	if n := len(batch.Body()); n > 48 {
		t.Errorf("a body of 8 MB has %d blocks, want at most 48", n)
	}
	if excess := batch.Memory() - batch.Bytes; excess > maxBlock+4096 {
		t.Errorf("a body of 8 MB is charged %d bytes more", excess)
	}
}

func TestPool_keepsBoundedFreeBlocks(t *testing.T) {
	pool := NewPool()
	b := New(Limits{MaxBytes: 64 << 20, MaxRecords: 9, MaxAge: time.Second}, pool)
	add(t, b, "users", strings.Repeat("x", 48<<20), time.UnixMilli(0))
	batch, _ := b.Drop("users")
	batch.Release()
	if pool.Idle() == 0 || pool.Idle() > maxIdleBytes {
		t.Errorf("Idle = %d, want some, at most %d", pool.Idle(), maxIdleBytes)
	}
	pool.Trim()
	if pool.Idle() != 0 {
		t.Errorf("Idle = %d after Trim", pool.Idle())
	}
}

func TestReason_labelsAreDistinct(t *testing.T) {
	var labels []string
	for _, reason := range Reasons() {
		labels = append(labels, reason.String())
	}
	if got, want := strings.Join(labels, " "), "bytes records age memory rebalance shutdown"; got != want {
		t.Errorf("labels %q, want %q", got, want)
	}
	if got := Reason(0).String(); got != "none" {
		t.Errorf("zero Reason = %q, want none", got)
	}
}
