package fetch

import (
	"cmp"
	"slices"
	"sync"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// Bounds of one chunk: small enough that the loop turns often, large enough
// that a channel send costs nothing per record. A single larger line is a
// chunk of its own. A small budget lowers them: see Config.chunkBounds.
const (
	chunkMaxLines = 1024
	chunkMaxBytes = 256 << 10
)

// Chunk is a run of consecutive records of one partition, turned into lines and grouped
// by namespace, as a decoder hands it to the session loop. The loop owns it from the
// receive on and recycles it.
type Chunk struct {
	Cursor *Cursor
	Epoch  uint32 // of the read; an older one than the cursor's is stale

	Start   int64 // first offset it covers
	Next    int64 // offset after the last record, counted holes included
	Groups  []group
	Rejects []Rejected
	Records int   // records it was made of, whatever became of them
	lines   int   // lines, fan-out counted
	Bytes   int64 // of all lines, newlines included

	// Unix milliseconds: when the chunk was begun, and the time from which the age of the
	// last record counts, 0 without records.
	arrived, LastTime int64

	// Fault is set instead of records when reading cannot go on here.
	Fault *Fault
	// Oversized is set instead of records where they have no room in the buffer.
	Oversized *Oversized
	// CatchUp is the job it was read for, nil on the main path.
	CatchUp *CatchUpJob

	backing
}

// backing is the memory that a chunk is made in; it stays with the chunk when that is
// recycled.
type backing struct {
	leases  []*Buffer      // what the lines point into
	scratch []byte         // rewritten lines
	index   map[string]int // of groups, by namespace
}

// group is a namespace's share of a chunk, in the order of offsets.
type group struct {
	Namespace string
	Lines     []Line
	Bytes     int64
}

// Line is one line for one namespace.
type Line struct {
	Offset int64
	Time   int64  // from which its age counts, Unix milliseconds
	Bytes  []byte // without a newline; valid until the chunk is recycled
}

// Rejected is a record that becomes no line.
type Rejected struct {
	Offset   int64
	Time     int64 // from which its age counts, Unix milliseconds
	Reason   record.Reason
	Detail   string
	Original *Original // where the record itself is needed; it points into a lease
}

var chunks = sync.Pool{New: func() any { return &Chunk{backing: backing{index: map[string]int{}}} }}

// NewChunk returns an empty chunk of what was read by the cursor. Recycle ends it.
func NewChunk(c *Cursor, epoch uint32) *Chunk {
	k := chunks.Get().(*Chunk)
	k.Cursor, k.Epoch = c, epoch
	return k
}

// Recycle gives the chunk's memory back. Nothing of it may be used afterwards.
func (k *Chunk) Recycle() {
	for _, l := range k.leases {
		l.Release()
	}
	k.reset()
	chunks.Put(k)
}

// keptLines bounds the memory, counted in lines, that a chunk keeps for its first
// group. For each further one it is less, so that what chunks keep does not depend on
// which of their groups were ever large.
const keptLines = 2 * chunkMaxLines

// reset empties the chunk and keeps some of its memory.
func (k *Chunk) reset() {
	for i := range k.Groups {
		lines := k.Groups[i].Lines
		if clear(lines); cap(lines) > keptLines/(i+1) {
			lines = nil
		}
		k.Groups[i] = group{Lines: lines[:0]}
	}
	clear(k.Rejects)
	clear(k.leases)
	if clear(k.index); len(k.Groups) > keptLines {
		k.Groups, k.index = nil, map[string]int{}
	}
	if cap(k.scratch) > 4*chunkMaxBytes {
		k.scratch = nil
	}
	*k = Chunk{Groups: k.Groups[:0], Rejects: k.Rejects[:0], backing: backing{k.leases[:0], k.scratch[:0], k.index}}
}

// Add appends one line for a namespace.
func (k *Chunk) Add(namespace string, l Line) {
	i, ok := k.index[namespace]
	if !ok {
		i = len(k.Groups)
		k.index[namespace] = i
		if i < cap(k.Groups) {
			k.Groups = k.Groups[:i+1] // its lines keep their capacity
		} else {
			k.Groups = append(k.Groups, group{})
		}
		k.Groups[i].Namespace = namespace
	}
	g := &k.Groups[i]
	n := int64(len(l.Bytes)) + 1
	g.Lines = append(g.Lines, l)
	g.Bytes += n
	k.lines++
	k.Bytes += n
}

// ageOf returns the time from which the age of a record counts that came with
// the chunk.
func (k *Chunk) ageOf(r *wire.Record) int64 { return AgeTime(r.Timestamp, k.arrived) }

// Cut drops everything from offset at on.
func (k *Chunk) Cut(at int64) {
	records := map[int64]bool{}
	i, _ := slices.BinarySearchFunc(k.Rejects, at, rejectedAt)
	clear(k.Rejects[i:])
	k.Rejects = k.Rejects[:i]
	for i := range k.Rejects {
		records[k.Rejects[i].Offset] = true
	}
	k.lines, k.Bytes = 0, 0
	for i := range k.Groups {
		g := &k.Groups[i]
		n, _ := slices.BinarySearchFunc(g.Lines, at, lineAt)
		clear(g.Lines[n:])
		g.Lines, g.Bytes = g.Lines[:n], 0
		for _, l := range g.Lines {
			g.Bytes += int64(len(l.Bytes)) + 1
			records[l.Offset] = true
		}
		k.lines, k.Bytes = k.lines+n, k.Bytes+g.Bytes
	}
	k.Next, k.Records = at, len(records)
}

// Has reports whether the chunk brings a line or a rejected record at the offset.
func (k *Chunk) Has(offset int64) bool {
	if _, ok := slices.BinarySearchFunc(k.Rejects, offset, rejectedAt); ok {
		return true
	}
	for i := range k.Groups {
		if _, ok := slices.BinarySearchFunc(k.Groups[i].Lines, offset, lineAt); ok {
			return true
		}
	}
	return false
}

func rejectedAt(r Rejected, offset int64) int { return cmp.Compare(r.Offset, offset) }
func lineAt(l Line, offset int64) int         { return cmp.Compare(l.Offset, offset) }

// keep makes the chunk hold a lease that its lines point into.
func (k *Chunk) keep(l *Buffer) {
	if n := len(k.leases); n > 0 && k.leases[n-1] == l {
		return
	}
	k.leases = append(k.leases, l.retain())
}

// Originals returns how many rejected records the chunk keeps, and their bytes.
func (k *Chunk) Originals() (count int, bytes int64) {
	for i := range k.Rejects {
		if o := k.Rejects[i].Original; o != nil {
			count++
			bytes += o.Size()
		}
	}
	return count, bytes
}
