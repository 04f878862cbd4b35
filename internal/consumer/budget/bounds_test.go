package budget

import (
	"testing"
	"time"
)

// Each holder has its share: of a small buffer, and at most 16 MiB of a large one.
func TestBudget_ceilings(t *testing.T) {
	for _, tc := range []struct{ limit, letters, receipts, marks int64 }{
		{160 << 20, 10 << 20, 10 << 20, 16 << 20},
		{1 << 30, 16 << 20, 16 << 20, (1 << 30) / 10},
	} {
		b := New(tc.limit, Sources{Reading: func() int64 { return 0 }, Batches: func() int64 { return 0 }})
		if l, r, m := b.Ceiling(Letters), b.ReceiptsCeiling(), b.Ceiling(Marks); l != tc.letters || r != tc.receipts || m != tc.marks {
			t.Errorf("of %d bytes letters may hold %d, receipts %d, marks %d", tc.limit, l, r, m)
		}
		b.Charge(Marks, 1)
		if !b.Fits(Marks, tc.marks-1) || b.Fits(Marks, tc.marks) {
			t.Errorf("of %d bytes marks do not reach their ceiling, or pass it", tc.limit)
		}
	}
}

// What waits for receipts is not there for batches.
func TestBudget_countsReceipts(t *testing.T) {
	b := New(100, Sources{Reading: func() int64 { return 10 }, Batches: func() int64 { return 20 }, Receipts: func() int64 { return 30 }})
	b.Charge(Letters, 5)
	if b.Share() != 55 || b.Free() != 35 {
		t.Errorf("batches may hold %d, %d more", b.Share(), b.Free())
	}
}

// A taste that is not used up wakes nobody.
func TestTaste_wakesWhenItIsUsedUp(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	taste := NewTaste(10, time.Minute)
	taste.Read(100) // free
	taste.Begin(start)
	taste.Read(9)
	if !taste.RenewAt().IsZero() || !taste.Allows(start) {
		t.Errorf("it ends with a byte left, until %s", taste.RenewAt())
	}
	if taste.Read(1); !taste.RenewAt().Equal(start.Add(time.Minute)) || taste.Allows(start) {
		t.Errorf("it goes on beyond its end, until %s", taste.RenewAt())
	}
}
