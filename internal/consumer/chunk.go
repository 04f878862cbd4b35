package consumer

import (
	"sync"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// Bounds of one chunk: small enough that the loop turns often, large enough
// that a channel send costs nothing per record. A single larger line is a
// chunk of its own. A small budget lowers them: see fetchConfig.chunkBounds.
const (
	chunkMaxLines = 1024
	chunkMaxBytes = 256 << 10
)

// chunk is what a decoder hands to the session loop: consecutive records of one
// partition, already turned into lines and grouped by namespace. The loop owns
// it from the receive on and recycles it.
type chunk struct {
	cursor *cursor
	epoch  uint32 // of the read; an older one than the cursor's is stale

	start   int64 // first offset it covers
	next    int64 // offset after the last record, counted holes included
	groups  []group
	rejects []rejected
	records int   // records it was made of, whatever became of them
	lines   int   // lines, fan-out counted
	bytes   int64 // of all lines, newlines included

	// Unix milliseconds: when the chunk was begun, and the last record's time, which
	// counts as its age. The latter is 0 without records.
	arrived, lastTime int64

	// fault is set instead of records when reading cannot go on here.
	fault *fault
	// oversized is set instead of records where they have no room in the buffer.
	oversized *oversized
	// catchUp is the job it was read for, nil on the main path.
	catchUp *catchUpJob

	leases  []*lease // what the lines point into
	scratch []byte   // rewritten lines
	index   map[string]int
}

// group is a namespace's share of a chunk, in the order of offsets.
type group struct {
	namespace string
	lines     []line
	bytes     int64
}

// line is one line for one namespace. bytes is valid until the chunk is
// recycled and has no newline.
type line struct {
	offset int64
	time   int64 // from which its age counts, Unix milliseconds
	bytes  []byte
}

// rejected is a record that becomes no line.
type rejected struct {
	offset   int64
	time     int64 // from which its age counts, Unix milliseconds
	reason   record.Reason
	operator bool // named by BRIDGE_SKIP_RECORDS
	detail   string
	original *original // where the record itself is needed; it points into a lease
}

var chunks = sync.Pool{New: func() any { return &chunk{index: map[string]int{}} }}

func newChunk(c *cursor, epoch uint32) *chunk {
	k := chunks.Get().(*chunk)
	k.cursor, k.epoch = c, epoch
	return k
}

// recycle gives the chunk's memory back. Nothing of it may be used afterwards.
func (k *chunk) recycle() {
	for _, l := range k.leases {
		l.release()
	}
	for i := range k.groups {
		clear(k.groups[i].lines)
		k.groups[i] = group{lines: k.groups[i].lines[:0]}
	}
	clear(k.rejects)
	clear(k.leases)
	clear(k.index)
	if cap(k.scratch) > 4*chunkMaxBytes {
		k.scratch = nil
	}
	*k = chunk{groups: k.groups[:0], rejects: k.rejects[:0], leases: k.leases[:0], scratch: k.scratch[:0], index: k.index}
	chunks.Put(k)
}

// add appends one line for a namespace.
func (k *chunk) add(namespace string, l line) {
	i, ok := k.index[namespace]
	if !ok {
		i = len(k.groups)
		k.index[namespace] = i
		if i < cap(k.groups) {
			k.groups = k.groups[:i+1] // its lines keep their capacity
		} else {
			k.groups = append(k.groups, group{})
		}
		k.groups[i].namespace = namespace
	}
	g := &k.groups[i]
	n := int64(len(l.bytes)) + 1
	g.lines = append(g.lines, l)
	g.bytes += n
	k.lines++
	k.bytes += n
}

// ageOf returns the time from which the age of a record counts that came with
// the chunk.
func (k *chunk) ageOf(r *wire.Record) int64 { return ageTime(r.Timestamp, k.arrived) }

// keep makes the chunk hold a lease that its lines point into.
func (k *chunk) keep(l *lease) {
	if n := len(k.leases); n > 0 && k.leases[n-1] == l {
		return
	}
	k.leases = append(k.leases, l.retain())
}

// originals returns how many rejected records the chunk keeps, and their bytes.
func (k *chunk) originals() (count int, bytes int64) {
	for i := range k.rejects {
		if o := k.rejects[i].original; o != nil {
			count++
			bytes += o.Size()
		}
	}
	return count, bytes
}
