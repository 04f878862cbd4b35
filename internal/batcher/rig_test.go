package batcher

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// rig drives a Batcher and its model by a script of bytes, comparing them after
// each step. An exhausted script reads as zeros.
type rig struct {
	t      testing.TB
	name   string
	script []byte
	step   int

	now   time.Time
	lines int
	pool  *Pool
	fast  *Batcher
	model model
}

// play runs the whole script on a pool that nothing is charged to; name says how
// to run it again.
func play(t testing.TB, pool *Pool, name string, script []byte) {
	r := &rig{t: t, name: name, script: script, now: time.UnixMilli(1_700_000_000_000), pool: pool}
	limits := Limits{
		MaxBytes:   []int64{1, 11, 40, 300, 5_000, 70_000, 600_000}[r.below(7)],
		MaxRecords: []int{1, 2, 7, 1000}[r.below(4)],
		MaxAge:     time.Duration(1+r.below(50)) * time.Millisecond,
	}
	r.fast = New(limits, r.pool)
	r.model = model{limits: limits, busy: map[string]bool{}}
	for len(r.script) > 0 {
		r.step++
		r.act()
		r.check()
	}
	for _, batch := range slices.Clone(r.model.open) {
		r.left(batch, r.must(r.fast.Drop(batch.namespace)), 0)
	}
	for len(r.model.left) > 0 {
		r.release(0)
	}
	r.check()
	r.equal("bytes in use after everything was released", r.pool.InUse(), int64(0))
}

// below takes the next number of the script and brings it below n.
func (r *rig) below(n int) int {
	if len(r.script) == 0 {
		return 0
	}
	value := int(r.script[0])
	r.script = r.script[1:]
	return value % n
}

func (r *rig) namespace() string {
	return []string{"users", "listings", "messages", "a", "", strings.Repeat("n", 200), "z", "y"}[r.below(8)]
}

// line makes a line that differs from all others, of a size around the interesting ones.
func (r *rig) line() []byte {
	r.lines++
	size := r.below(256)
	switch r.below(8) {
	case 0:
		size = size * 40
	case 1:
		size = 1024 - 4 + size%8
	case 2:
		size = int(r.model.limits.MaxBytes) - 4 + size%8
	case 3:
		size = size * 1200
	case 4:
		size = 4*4096 - 4 + size%8
	}
	size = min(max(0, size), int(r.model.limits.MaxBytes)+3)
	line := bytes.Repeat([]byte{byte('a' + r.lines%26)}, size)
	copy(line, fmt.Sprint(r.lines))
	return line
}

// act does one operation on both sides.
func (r *rig) act() {
	switch r.below(16) {
	default:
		r.add(r.namespace(), r.line())
	case 1:
		r.addRun()
	case 2:
		r.now = r.now.Add(time.Duration(r.below(64)) * time.Millisecond)
	case 3, 4:
		namespace, busy := r.namespace(), r.below(2) == 1
		r.fast.SetBusy(namespace, busy)
		r.model.busy[namespace] = busy
	case 5, 6:
		r.expire()
	case 7:
		r.sealLargest()
	case 8:
		r.sealNamespace()
	case 9:
		if r.below(4) == 0 {
			r.sealAll()
		}
	case 10, 11:
		if n := len(r.model.left); n > 0 {
			r.release(r.below(n))
		}
	case 12:
		r.charge()
	}
}

// add adds a line and returns the batch that it went to, nil if it is too large.
func (r *rig) add(namespace string, line []byte) *Batch {
	timestamp := int64(r.below(256)) - 1
	used, cost := r.pool.InUse(), r.fast.cost(namespace, len(line))
	open, sealed, err := r.fast.Add(namespace, line, timestamp, r.now)
	if int64(len(line))+1 > r.model.limits.MaxBytes {
		r.equal("error of a line that is too large", err, ErrTooLarge)
		r.equal("charge of a line that is too large", r.pool.InUse(), used)
		return nil
	}
	r.equal("error of Add", err, error(nil))
	r.equal("charge against cost", r.pool.InUse()-used, cost)

	want := r.model.find(namespace)
	var reason Reason
	if want != nil {
		reason = r.model.bound(want, int64(len(line))+1)
	}
	r.equal("whether Add sealed a batch", sealed != nil, reason != 0)
	if reason != 0 {
		r.left(want, sealed, reason)
		want = nil
	}
	if want == nil {
		want = &modelBatch{namespace: namespace, oldest: timestamp, opened: r.now, got: open}
		r.model.open = append(r.model.open, want)
	}
	r.equal("the open batch that Add returned", open, want.got)
	want.lines = append(want.lines, string(line))
	want.oldest = min(want.oldest, timestamp)
	clear(line) // the Batcher must have copied it

	if r.below(4) > 0 {
		full := r.model.bound(want, minLine)
		r.equal("whether the batch was full", r.fast.SealFull(open), full != 0)
		if full != 0 {
			r.left(want, open, full)
			r.equal("SealFull of a sealed batch", r.fast.SealFull(open), false)
		}
	}
	return open
}

// addRun adds lines of several sizes to one namespace and compares the charge,
// nothing being released meanwhile, with what CostRun allowed.
func (r *rig) addRun() {
	namespace := r.namespace()
	var lines [][]byte
	var total int64
	for range r.below(20) {
		if line := r.line(); int64(len(line)) < r.model.limits.MaxBytes {
			lines = append(lines, line)
			total += int64(len(line)) + 1
		}
	}
	used, went := r.pool.InUse(), map[*Batch]bool{}
	bound, batches := r.fast.CostRun(namespace, len(lines), total)
	for _, line := range lines {
		went[r.add(namespace, line)] = true
	}
	if charged := r.pool.InUse() - used; charged > bound || int64(len(went)) > batches {
		r.failf("a run of %d lines with %d bytes charged %d for %d batches, CostRun allowed %d for %d", len(lines), total, charged, len(went), bound, batches)
	}
}

// charge adds bytes of the caller's to an open batch, up to several shelves.
func (r *rig) charge() {
	if n := len(r.model.open); n > 0 {
		batch, bytes := r.model.open[r.below(n)], int64(r.below(256))<<r.below(12)
		batch.got.Charge(bytes)
		batch.charged += bytes
	}
}

func (r *rig) expire() {
	var want []*modelBatch
	for _, batch := range r.model.idle() {
		if !batch.opened.Add(r.model.limits.MaxAge).After(r.now) {
			want = append(want, batch)
		}
	}
	if len(want) == 0 {
		_, ok := r.fast.ExpireOldest(r.now)
		r.equal("whether a batch is due", ok, false)
	}
	for _, batch := range want[:len(want)/(1+r.below(2))] { // all, or half
		got, ok := r.fast.ExpireOldest(r.now)
		r.equal("whether a batch is due", ok, true)
		r.left(batch, got, ReasonAge)
	}
}

func (r *rig) sealLargest() {
	var want *modelBatch
	for _, batch := range r.model.idle() {
		if want == nil || shelfOf(batch.got.Memory()) > shelfOf(want.got.Memory()) {
			want = batch
		}
	}
	got, ok := r.fast.SealLargest()
	r.equal("whether there was a largest batch", ok, want != nil)
	if !ok {
		return
	}
	for _, batch := range r.model.idle() {
		if batch.got.Memory() >= 2*got.Memory() {
			r.failf("largest has %d bytes, another batch %d", got.Memory(), batch.got.Memory())
		}
	}
	r.left(want, got, ReasonMemory)
}

func (r *rig) sealNamespace() {
	namespace := r.namespace()
	want := r.model.find(namespace)
	var got *Batch
	var ok bool
	reason := Reasons()[r.below(6)]
	if r.below(2) == 0 {
		reason = 0
		got, ok = r.fast.Drop(namespace)
	} else {
		got, ok = r.fast.SealNamespace(namespace, reason)
	}
	r.equal("whether there was a batch to seal", ok, want != nil)
	if ok {
		r.left(want, got, reason)
	}
}

func (r *rig) sealAll() {
	got := r.fast.SealAll(ReasonShutdown)
	r.equal("number of batches sealed", len(got), len(r.model.open))
	for i, batch := range slices.Clone(r.model.open) {
		r.left(batch, got[i], ReasonShutdown)
	}
}

// cost returns what adding one line of lineBytes, its newline not counted, to the
// namespace would newly charge to the pool. It is exact. A line that seals the
// open batch first costs a new one; the sealed one is charged until its release.
func (b *Batcher) cost(namespace string, lineBytes int) int64 {
	n := int64(lineBytes) + 1
	if open := b.lookup(namespace); open != nil && b.bound(open, n) == 0 {
		return growth(open.capacity, open.capacity-open.Bytes, n)
	}
	return batchOverhead + int64(len(namespace)) + growth(0, 0, n)
}

// growth returns what a chain with free bytes left charges to take n more.
func growth(capacity, free, n int64) int64 {
	var charged int64
	for free < n {
		size := int64(nextBlock(capacity, n-free))
		capacity += size
		free += size
		charged += size + blockOverhead
	}
	return charged
}
