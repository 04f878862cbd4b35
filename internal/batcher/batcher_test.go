package batcher

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// wide are the limits of the contract's defaults.
func wide() Limits {
	return Limits{MaxBytes: 8 << 20, MaxRecords: 50_000, MaxAge: 30 * time.Second}
}

// add adds a line that must fit.
func add(t testing.TB, b *Batcher, namespace, line string, now time.Time) (open, sealed *Batch) {
	t.Helper()
	open, sealed, err := b.Add(namespace, []byte(line), now.UnixMilli(), now)
	if err != nil {
		t.Fatalf("Add(%q): %v", namespace, err)
	}
	return open, sealed
}

func body(batch *Batch) string {
	return string(bytes.Join(batch.Body(), nil))
}

func TestBatcher_sealsBeforeABoundWouldBePassed(t *testing.T) {
	now := time.UnixMilli(0)
	for _, tc := range []struct {
		name   string
		limits Limits
		lines  []string
		sealed []string // reason and body of what Add sealed
		open   string
		full   bool
	}{
		{
			name:   "bytes count newlines",
			limits: Limits{MaxBytes: 20, MaxRecords: 9},
			lines:  []string{"123456789", "123456789", "x"},
			sealed: []string{"bytes 123456789\n123456789\n"},
			open:   "x\n",
		},
		{
			name:   "records",
			limits: Limits{MaxBytes: 100, MaxRecords: 2},
			lines:  []string{"1", "2", "3"},
			sealed: []string{"records 1\n2\n"},
			open:   "3\n",
		},
		{
			name:   "both bounds at once count as records",
			limits: Limits{MaxBytes: 4, MaxRecords: 2},
			lines:  []string{"1", "2", "3"},
			sealed: []string{"records 1\n2\n"},
			open:   "3\n",
			full:   true,
		},
		{
			name:   "a batch that takes no object any more is full",
			limits: Limits{MaxBytes: 20, MaxRecords: 9},
			lines:  []string{"123456789"},
			open:   "123456789\n",
			full:   true,
		},
		{
			name:   "a batch that takes the shortest object is not",
			limits: Limits{MaxBytes: 21, MaxRecords: 9},
			lines:  []string{"123456789"},
			open:   "123456789\n",
		},
		{
			name:   "a line as large as a batch gets one of its own",
			limits: Limits{MaxBytes: 20, MaxRecords: 9},
			lines:  []string{"1", strings.Repeat("x", 19)},
			sealed: []string{"bytes 1\n"},
			open:   strings.Repeat("x", 19) + "\n",
			full:   true,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := New(tc.limits, NewPool())
			var got []string
			for _, line := range tc.lines {
				if _, sealed := add(t, b, "users", line, now); sealed != nil {
					got = append(got, sealed.Reason.String()+" "+body(sealed))
				}
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tc.sealed) {
				t.Errorf("sealed %q, want %q", got, tc.sealed)
			}
			open, ok := b.Open("users")
			if !ok || body(open) != tc.open {
				t.Fatalf("open batch: %v, want one with body %q", open, tc.open)
			}
			if full := b.SealFull(open); full != tc.full {
				t.Errorf("SealFull = %v, want %v", full, tc.full)
			}
		})
	}
}

func TestBatcher_refusesALineThatNoBatchHolds(t *testing.T) {
	pool := NewPool()
	b := New(Limits{MaxBytes: 20, MaxRecords: 9}, pool)
	open, sealed, err := b.Add("users", make([]byte, 20), 0, time.UnixMilli(0))
	if !errors.Is(err, ErrTooLarge) || open != nil || sealed != nil || pool.InUse() != 0 {
		t.Errorf("Add = %v, %v, %v with %d bytes in use, want ErrTooLarge alone", open, sealed, err, pool.InUse())
	}
}

// expire seals all that is due.
func expire(b *Batcher, now time.Time) (due []*Batch) {
	for batch, ok := b.ExpireOldest(now); ok; batch, ok = b.ExpireOldest(now) {
		due = append(due, batch)
	}
	return due
}

func TestBatcher_busyNamespaceGoesOnFilling(t *testing.T) {
	start := time.UnixMilli(0)
	b := New(Limits{MaxBytes: 100, MaxRecords: 3, MaxAge: time.Second}, NewPool())
	b.SetBusy("users", true) // before it has a batch
	add(t, b, "users", "1", start)
	add(t, b, "listings", "1", start.Add(500*time.Millisecond))

	late := start.Add(time.Minute)
	due := expire(b, late)
	if len(due) != 1 || due[0].Namespace != "listings" {
		t.Fatalf("ExpireOldest sealed %d batches, want that of listings alone", len(due))
	}
	if at, ok := b.NextDeadline(); ok {
		t.Errorf("NextDeadline = %v with a busy namespace only, want none", at)
	}
	if batch, ok := b.SealLargest(); ok {
		t.Errorf("SealLargest took the busy batch of %s", batch.Namespace)
	}
	add(t, b, "users", "2", late)
	add(t, b, "users", "3", late)
	if _, sealed := add(t, b, "users", "4", late); sealed == nil || sealed.Reason != ReasonRecords {
		t.Errorf("a busy batch passed MaxRecords")
	}

	b.SetBusy("users", false)
	if at, ok := b.NextDeadline(); !ok || !at.Equal(late.Add(time.Second)) {
		t.Errorf("NextDeadline = %v, %v, want a second after the second batch opened", at, ok)
	}
}

func TestBatcher_overdueBatchIsDueWhenItsImportHasFinished(t *testing.T) {
	start := time.UnixMilli(0)
	b := New(Limits{MaxBytes: 100, MaxRecords: 9, MaxAge: time.Second}, NewPool())
	add(t, b, "users", "1", start)
	b.SetBusy("users", true)
	now := start.Add(time.Hour)
	add(t, b, "listings", "1", now)
	if due := expire(b, now); len(due) != 0 {
		t.Fatalf("ExpireOldest sealed a batch of %s, want none", due[0].Namespace)
	}
	b.SetBusy("users", false)
	if at, ok := b.NextDeadline(); !ok || at.After(now) {
		t.Errorf("NextDeadline = %v, %v, want a time that has passed", at, ok)
	}
	if due := expire(b, now); len(due) != 1 || due[0].Namespace != "users" || due[0].Reason != ReasonAge {
		t.Errorf("ExpireOldest = %v, want the overdue batch of users", due)
	}
}

func TestBatcher_dueExactlyAtMaxAge(t *testing.T) {
	start := time.UnixMilli(0)
	b := New(Limits{MaxBytes: 100, MaxRecords: 9, MaxAge: time.Second}, NewPool())
	add(t, b, "users", "1", start)
	add(t, b, "users", "2", start.Add(900*time.Millisecond))
	if due := expire(b, start.Add(time.Second-1)); len(due) != 0 {
		t.Errorf("due a nanosecond early")
	}
	if due := expire(b, start.Add(time.Second)); len(due) != 1 {
		t.Errorf("not due at MaxAge")
	}
}

func TestBatcher_namespaceIsCopied(t *testing.T) {
	b := New(wide(), NewPool())
	name := strings.Clone("users") // a part of a chunk's memory, in real life
	open, _ := add(t, b, name, "1", time.UnixMilli(0))
	again, _ := add(t, b, strings.Clone("users"), "2", time.UnixMilli(0))
	if open != again {
		t.Errorf("equal names got two batches")
	}
	b.SetBusy(name, true)
	kept := []string{open.Namespace}
	for key := range b.open {
		kept = append(kept, key)
	}
	for key := range b.busy {
		kept = append(kept, key)
	}
	for _, k := range kept {
		if unsafe.StringData(k) == unsafe.StringData(name) {
			t.Errorf("the caller's memory is kept by %d names of %q", len(kept), k)
		}
	}
}
