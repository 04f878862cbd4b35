package batcher

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
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
	if err != ErrTooLarge || open != nil || sealed != nil || pool.InUse() != 0 {
		t.Errorf("Add = %v, %v, %v with %d bytes in use, want ErrTooLarge alone", open, sealed, err, pool.InUse())
	}
}

func TestBatcher_busyNamespaceGoesOnFilling(t *testing.T) {
	start := time.UnixMilli(0)
	b := New(Limits{MaxBytes: 100, MaxRecords: 3, MaxAge: time.Second}, NewPool())
	b.SetBusy("users", true) // before it has a batch
	add(t, b, "users", "1", start)
	add(t, b, "listings", "1", start.Add(500*time.Millisecond))

	late := start.Add(time.Minute)
	due := b.Expire(late)
	if len(due) != 1 || due[0].Namespace != "listings" {
		t.Fatalf("Expire sealed %d batches, want that of listings alone", len(due))
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
	if due := b.Expire(now); len(due) != 0 {
		t.Fatalf("Expire sealed a batch of %s, want none", due[0].Namespace)
	}
	b.SetBusy("users", false)
	if at, ok := b.NextDeadline(); !ok || at.After(now) {
		t.Errorf("NextDeadline = %v, %v, want a time that has passed", at, ok)
	}
	if due := b.Expire(now); len(due) != 1 || due[0].Namespace != "users" || due[0].Reason != ReasonAge {
		t.Errorf("Expire = %v, want the overdue batch of users", due)
	}
}

func TestBatcher_dueExactlyAtMaxAge(t *testing.T) {
	start := time.UnixMilli(0)
	b := New(Limits{MaxBytes: 100, MaxRecords: 9, MaxAge: time.Second}, NewPool())
	add(t, b, "users", "1", start)
	add(t, b, "users", "2", start.Add(900*time.Millisecond))
	if due := b.Expire(start.Add(time.Second - 1)); len(due) != 0 {
		t.Errorf("due a nanosecond early")
	}
	if due := b.Expire(start.Add(time.Second)); len(due) != 1 {
		t.Errorf("not due at MaxAge")
	}
}

func TestBatcher_namespaceIsCopied(t *testing.T) {
	b := New(wide(), NewPool())
	open, _ := add(t, b, strings.Clone("users"), "1", time.UnixMilli(0))
	again, _ := add(t, b, strings.Clone("users"), "2", time.UnixMilli(0))
	if open != again {
		t.Errorf("equal names got two batches")
	}
}

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

// load adds lines the way a session does: sealed batches are released at once.
type load struct {
	b     *Batcher
	line  []byte
	now   time.Time
	names []string
	picks []int // indices of names, in the order of adding
	next  int
}

func newLoad(namespaces int, skewed bool) *load {
	l := &load{b: New(wide(), NewPool()), line: bytes.Repeat([]byte("x"), 1023), now: time.UnixMilli(0)}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range namespaces {
		l.names = append(l.names, fmt.Sprintf("namespace-%d", i))
	}
	zipf := rand.NewZipf(rnd, 1.2, 1, uint64(namespaces-1))
	for range 1 << 17 {
		if skewed {
			l.picks = append(l.picks, int(zipf.Uint64()))
		} else {
			l.picks = append(l.picks, rnd.IntN(namespaces))
		}
	}
	return l
}

func (l *load) add() {
	open, sealed, err := l.b.Add(l.names[l.picks[l.next%len(l.picks)]], l.line, 0, l.now)
	l.next++
	if err != nil {
		panic(err)
	}
	if sealed != nil {
		sealed.Release()
	}
	if l.b.SealFull(open) {
		open.Release()
	}
}

// addWithin is add with a memory budget of 256 MiB, as the session keeps it.
func (l *load) addWithin() {
	if l.b.pool.InUse() > 256<<20 {
		if largest, ok := l.b.SealLargest(); ok {
			largest.Release()
		}
	}
	l.add()
}

func TestBatcher_addDoesNotAllocate(t *testing.T) {
	l := newLoad(20, true)
	for range 300_000 { // until the pool holds the blocks that batches take in turn
		l.add()
	}
	// A batch of 8 MiB costs a few allocations, its 8,000 lines none.
	if allocs := testing.AllocsPerRun(50_000, l.add); allocs != 0 {
		t.Errorf("Add allocates %v times, want 0", allocs)
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, bc := range []struct {
		name       string
		namespaces int
		skewed     bool
	}{
		{"20 skewed namespaces", 20, true},
		{"100000 namespaces", 100_000, false},
	} {
		b.Run(bc.name, func(b *testing.B) {
			l := newLoad(bc.namespaces, bc.skewed)
			for range len(l.picks) {
				l.addWithin()
			}
			b.SetBytes(int64(len(l.line) + 1))
			b.ReportAllocs()
			for b.Loop() {
				l.addWithin()
			}
		})
	}
}
