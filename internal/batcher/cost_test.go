package batcher

import (
	"strings"
	"testing"
	"time"
)

func TestCostRun_countsABatchSealedBetweenTwoLines(t *testing.T) {
	now := time.UnixMilli(0)
	pool := NewPool()
	b := New(Limits{MaxBytes: 40, MaxRecords: 9, MaxAge: time.Second}, pool)
	add(t, b, "users", strings.Repeat("x", 24), now)

	used := pool.InUse()
	bound, batches := b.CostRun("users", 2, 10)
	open, _ := add(t, b, "users", "1234", now)
	if !b.SealFull(open) {
		t.Fatalf("a batch with 10 bytes left is not full")
	}
	add(t, b, "users", "1234", now)
	if charged := pool.InUse() - used; charged > bound || batches < 2 {
		t.Errorf("the run charged %d for 2 batches, CostRun allowed %d for %d", charged, bound, batches)
	}
}

func TestCostRun_isCloseWhileNoBoundIsPassed(t *testing.T) {
	now := time.UnixMilli(0)
	pool := NewPool()
	b := New(wide(), pool)
	line := strings.Repeat("x", 999)
	for range 2000 {
		add(t, b, "users", line, now)
	}
	used := pool.InUse()
	bound, batches := b.CostRun("users", 500, 500_000)
	for range 500 {
		add(t, b, "users", line, now)
	}
	if charged := pool.InUse() - used; charged > bound || bound > charged+maxBlock+4096 || batches != 1 {
		t.Errorf("the run charged %d for one batch, CostRun allowed %d for %d, want no more than a block above", charged, bound, batches)
	}
}
