package sandbox

import (
	"hash/maphash"
	"sync"
)

// Tally reconciles what was produced to Kafka with what came of it. It counts
// in deliveries: a line owed to one namespace, or a whole record that owes no
// line (a tombstone, a poison record). Each delivery must end exactly once:
// stored, dead-lettered or skipped.
//
// An id must be unique to its record within a namespace; two records that share
// one are reported as unexpected. Reports of the two
// sides may come in any order: a line is often stored before its producer has
// heard of the acknowledgement. About 100 bytes per delivery are kept. Safe for
// concurrent use; the zero value is not ready, see NewTally.
type Tally struct {
	seed maphash.Seed

	mu         sync.Mutex // guards everything below
	lines      []delivery
	byLine     map[uint64]uint32   // hash of namespace and id -> index of lines
	byRecord   map[position]uint32 // -> index of lines, the first one of the record
	streams    names[stream]
	namespaces names[string]
	letters    []letter
	arrivals   uint32
	records    int
	skipped    int
	reused     []string // lines whose id and namespace two records share
}

// stream is a partition of a topic.
type stream struct {
	topic     string
	partition int32
}

// position is where a record lies.
type position struct {
	stream uint32
	offset int64
}

// letter is a dead letter; an empty namespace speaks of the whole record.
type letter struct {
	position
	namespace string
}

// delivery is one line owed, or one record without lines.
type delivery struct {
	position
	namespace uint32 // noNamespace: the record owes no line
	next      uint32 // the record's next delivery + 1; 0: none
	arrived   uint32 // the number of its first storing; 0: not stored
	stored    uint8  // times; saturates
	dead      uint8  // times; saturates; set by Report from the letters
	produced  bool
}

const noNamespace = ^uint32(0)

// NewTally returns an empty tally.
func NewTally() *Tally {
	return &Tally{seed: maphash.MakeSeed(), byLine: map[uint64]uint32{}, byRecord: map[position]uint32{}}
}

// Produced tells of a record that Kafka acknowledged, with the namespaces that
// are owed a line of this id. None: the record must be dead-lettered or skipped.
func (t *Tally) Produced(topic string, partition int32, offset int64, id string, namespaces ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := position{t.streams.index(stream{topic, partition}), offset}
	t.records++
	if len(namespaces) == 0 {
		t.byRecord[at] = t.add(delivery{position: at, namespace: noNamespace, produced: true})
		return
	}
	last, linked := uint32(0), false
	for _, namespace := range namespaces {
		index := t.line(namespace, id)
		line := &t.lines[index]
		if line.produced {
			t.reused = append(t.reused, t.streams.list[at.stream].at(offset)+" "+namespace)
			continue
		}
		line.position, line.produced = at, true
		if linked {
			t.lines[last].next = index + 1
		} else {
			t.byRecord[at] = index
		}
		last, linked = index, true
	}
}

// Stored tells of lines that the store holds, in their order. It returns how
// many of them it held before.
func (t *Tally) Stored(namespace string, ids ...string) (repeated int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		line := &t.lines[t.line(namespace, id)]
		t.arrivals++
		if line.arrived == 0 {
			line.arrived = t.arrivals
		} else {
			repeated++
		}
		increment(&line.stored)
	}
	return repeated
}

// DeadLettered tells of a dead letter. An empty namespace speaks of the whole record.
func (t *Tally) DeadLettered(topic string, partition int32, offset int64, namespace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := position{t.streams.index(stream{topic, partition}), offset}
	t.letters = append(t.letters, letter{at, namespace})
}

// Skipped tells how many records without lines were left out by policy so far.
// A later call replaces an earlier one.
func (t *Tally) Skipped(records int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skipped = records
}

// line finds or starts the delivery of one line.
func (t *Tally) line(namespace, id string) uint32 {
	var hash maphash.Hash
	hash.SetSeed(t.seed)
	_, _ = hash.WriteString(namespace) // never fails
	_ = hash.WriteByte('/')            // is in no namespace
	_, _ = hash.WriteString(id)
	key := hash.Sum64()
	index, ok := t.byLine[key]
	if !ok {
		index = t.add(delivery{namespace: t.namespaces.index(namespace)})
		t.byLine[key] = index
	}
	return index
}

func (t *Tally) add(d delivery) uint32 {
	t.lines = append(t.lines, d)
	return uint32(len(t.lines) - 1)
}

func increment(n *uint8) {
	if *n < 255 {
		*n++
	}
}

// names numbers values in the order of their appearance.
type names[T comparable] struct {
	list []T
	at   map[T]uint32
}

func (n *names[T]) index(value T) uint32 {
	if i, ok := n.at[value]; ok {
		return i
	}
	if n.at == nil {
		n.at = map[T]uint32{}
	}
	n.at[value] = uint32(len(n.list))
	n.list = append(n.list, value)
	return n.at[value]
}
