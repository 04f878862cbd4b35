package batcher

import (
	"bytes"
	"fmt"
	"slices"
)

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
	bookkeeping := int64(batchOverhead+len(want.namespace)+blockOverhead*len(got.Body())) + want.charged
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
