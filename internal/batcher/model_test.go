package batcher

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// model does what a Batcher promises with slices, maps and full scans.
type model struct {
	limits Limits
	open   []*modelBatch // in the order of opening
	left   []*modelBatch // sealed or dropped, not released
	busy   map[string]bool
	latest time.Time
}

type modelBatch struct {
	namespace string
	lines     []string
	oldest    int64
	opened    time.Time
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
		r.now = r.now.Add(time.Duration(r.below(64)-4) * time.Millisecond)
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
	}
}

func (r *rig) add(namespace string, line []byte) {
	timestamp := int64(r.below(256)) - 1
	used, cost := r.pool.InUse(), r.fast.Cost(namespace, len(line))
	open, sealed, err := r.fast.Add(namespace, line, timestamp, r.now)
	if int64(len(line))+1 > r.model.limits.MaxBytes {
		r.equal("error of a line that is too large", err, ErrTooLarge)
		r.equal("charge of a line that is too large", r.pool.InUse(), used)
		return
	}
	r.equal("error of Add", err, error(nil))
	r.equal("charge against Cost", r.pool.InUse()-used, cost)

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
		if r.now.After(r.model.latest) {
			r.model.latest = r.now
		}
		want = &modelBatch{namespace: namespace, oldest: timestamp, opened: r.model.latest, got: open}
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
	used, bound := r.pool.InUse(), r.fast.CostRun(namespace, len(lines), total)
	for _, line := range lines {
		r.add(namespace, line)
	}
	if charged := r.pool.InUse() - used; charged > bound {
		r.failf("a run of %d lines with %d bytes charged %d, CostRun allowed %d", len(lines), total, charged, bound)
	}
}

func (r *rig) expire() {
	var want []*modelBatch
	for _, batch := range r.model.idle() {
		if !batch.opened.Add(r.model.limits.MaxAge).After(r.now) {
			want = append(want, batch)
		}
	}
	got := r.fast.Expire(r.now)
	r.equal("number of batches due", len(got), len(want))
	for i, batch := range want {
		r.left(batch, got[i], ReasonAge)
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

// left notes that got left the Batcher and must be what the model holds as want.
func (r *rig) left(want *modelBatch, got *Batch, reason Reason) {
	r.equal("the batch that left", got, want.got)
	r.equal("reason", got.Reason, reason)
	r.compare(want)
	r.model.leave(want)
}

// release releases one of the batches that left, twice, having looked at it again.
func (r *rig) release(i int) {
	batch := r.model.left[i]
	r.compare(batch)
	used, memory := r.pool.InUse(), batch.got.Memory()
	batch.got.Release()
	batch.got.Release()
	r.equal("charge after Release", r.pool.InUse(), used-memory)
	r.equal("memory of a released batch", batch.got.Memory(), int64(0))
	r.model.left = slices.Delete(r.model.left, i, i+1)
}

// compare checks one batch with its body.
func (r *rig) compare(want *modelBatch) {
	body := bytes.Join(want.got.Body(), nil)
	for i, line := range want.lines {
		n := len(line)
		if len(body) <= n || string(body[:n]) != line || body[n] != '\n' {
			r.failf("line %d of the body: got %.100q, want %.100q", i, body, line)
		}
		body = body[n+1:]
	}
	r.equal("bytes after the last line", len(body), 0)
	r.compareHead(want)
}

// compareHead checks all of a batch but its body: its bounds and its charge too.
func (r *rig) compareHead(want *modelBatch) {
	got := want.got
	r.equal("namespace", got.Namespace, want.namespace)
	r.equal("records", got.Records, len(want.lines))
	r.equal("bytes", got.Bytes, want.bytes())
	r.equal("oldest timestamp", got.OldestTimestamp, want.oldest)
	r.equal("opened", got.Opened, want.opened)
	if got.Bytes > r.model.limits.MaxBytes || got.Records > r.model.limits.MaxRecords {
		r.failf("batch of %d bytes and %d records passes a bound", got.Bytes, got.Records)
	}
	var capacity int64
	for _, block := range got.Body() {
		capacity += int64(cap(block))
	}
	bookkeeping := int64(batchOverhead + len(want.namespace) + blockOverhead*len(got.Body()))
	r.equal("memory", got.Memory(), capacity+bookkeeping)
	if capacity > max(minBlock, 2*got.Bytes) {
		r.failf("blocks of %d bytes for a body of %d", capacity, got.Bytes)
	}
}

// check compares everything that can be seen.
func (r *rig) check() {
	r.equal("open batches", r.fast.Len(), len(r.model.open))
	var inUse int64
	i := 0
	for batch := range r.fast.All {
		r.equal("batch in the order of opening", batch, r.model.open[i].got)
		r.compareHead(r.model.open[i])
		inUse += batch.Memory()
		i++
	}
	r.equal("batches iterated", i, len(r.model.open))
	for _, batch := range r.model.left {
		inUse += batch.got.Memory()
	}
	r.equal("bytes in use", r.pool.InUse(), inUse)

	oldest, ok := r.fast.Oldest()
	r.equal("whether there is an oldest batch", ok, len(r.model.open) > 0)
	if ok {
		r.equal("oldest", oldest, r.model.open[0].opened)
	}
	idle := r.model.idle()
	deadline, ok := r.fast.NextDeadline()
	r.equal("whether there is a deadline", ok, len(idle) > 0)
	if ok {
		r.equal("deadline", deadline, idle[0].opened.Add(r.model.limits.MaxAge))
	}
	for _, batch := range r.model.open {
		r.equal("open batch by name", r.must(r.fast.Open(batch.namespace)), batch.got)
	}
}

func (r *rig) must(batch *Batch, ok bool) *Batch {
	r.equal("whether the batch is open", ok, true)
	return batch
}

// equal fails the test unless both values are the same.
func (r *rig) equal(what string, got, want any) {
	if got != want {
		r.t.Helper()
		r.failf("%s: got %.200v, want %.200v", what, got, want)
	}
}

func (r *rig) failf(format string, args ...any) {
	r.t.Helper()
	r.t.Fatalf("%s, step %d: %s", r.name, r.step, fmt.Sprintf(format, args...))
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
