package truth

import (
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// Fate is what must become of a produced record.
type Fate uint8

const (
	Stored       Fate = iota // once in each of its namespaces; then a commit may pass it
	DeadLettered             // once in the dead-letter topic; then a commit may pass it
	LeftOut                  // nowhere (skipped or aborted); a commit may pass it
	Held                     // nowhere; no commit may pass it
)

// Record is one record as it is produced.
type Record struct {
	Topic     string
	Partition int32
	Fate      Fate

	// Namespaces and Line say what is stored where, without the newline. Both may
	// be empty for a record that must not be stored.
	Namespaces []string
	Line       []byte
}

// ID names a produced record.
type ID int

// Bounds are what no object may pass; zero means unbounded.
type Bounds struct {
	Bytes   int // with newlines
	Records int
}

// Truth remembers what was produced and what became of it.
type Truth struct {
	bounds Bounds
	seed   maphash.Seed

	mu        sync.Mutex // guards everything below
	entries   []entry    // by ID
	lines     map[lineKey]place
	sources   map[source]ID // acknowledged records
	commits   map[partition][]commit
	crashes   []time.Time
	histories int   // partitions that were taken back, in part or whole
	stores    int   // lines stored so far: the order of storing
	missing   int   // records that should be stored or dead-lettered and are not
	observed  tally // faults that show at once
}

type entry struct {
	partition
	offset   int64 // -1 until Kafka has acknowledged it
	fate     Fate
	released bool      // was held at first: comes after its successors
	copies   []storage // by namespace
	letters  int       // dead letters
	done     time.Time // since when a commit may pass it; zero: always, or not yet
	names    []string  // its namespaces
}

// storage is what is known of a record in one namespace.
type storage struct {
	first, last int // order of storing, from 1; 0: never
	at          time.Time
}

type partition struct {
	topic string
	index int32
}

type source struct {
	partition
	offset int64
}

type lineKey struct {
	namespace string
	hash      uint64
}

// place is where a line belongs: a record and one of its namespaces.
type place struct {
	id   ID
	copy int
}

type commit struct {
	offset int64
	at     time.Time
}

// New returns a Truth that knows of no record.
func New(bounds Bounds) *Truth {
	return &Truth{
		bounds:   bounds,
		seed:     maphash.MakeSeed(),
		lines:    map[lineKey]place{},
		sources:  map[source]ID{},
		commits:  map[partition][]commit{},
		observed: tally{},
	}
}

// Produce announces a record; call it before the record can be consumed.
func (t *Truth) Produce(r Record) ID {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := ID(len(t.entries))
	t.entries = append(t.entries, entry{
		partition: partition{r.Topic, r.Partition}, offset: -1, fate: r.Fate,
		names: r.Namespaces, copies: make([]storage, len(r.Namespaces)),
	})
	for i, namespace := range r.Namespaces {
		key := lineKey{namespace, maphash.Bytes(t.seed, r.Line)}
		if _, taken := t.lines[key]; taken {
			t.observed.add(Harness, "two records have the line %.200q in namespace %s", r.Line, namespace)
		}
		t.lines[key] = place{id, i}
	}
	t.missing += due(r.Fate)
	return id
}

// due is 1 for a record that must still arrive somewhere.
func due(f Fate) int {
	if f == Stored || f == DeadLettered {
		return 1
	}
	return 0
}

// Acknowledge tells the offset that Kafka gave a record.
func (t *Truth) Acknowledge(id ID, offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[id].offset = offset
	t.sources[source{t.entries[id].partition, offset}] = id
}

// Decide changes the fate of a record that has not arrived anywhere, because a
// setting has changed at a moment.
func (t *Truth) Decide(id ID, fate Fate, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := &t.entries[id]
	t.missing += due(fate) - due(e.fate)
	e.released = e.released || e.fate == Held
	e.fate = fate
	if fate == LeftOut {
		e.done = at
	}
}

// DeadLetter tells that a record arrived in the dead-letter topic.
func (t *Truth) DeadLetter(topic string, index int32, offset int64, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id, ok := t.sources[source{partition{topic, index}, offset}]
	if !ok {
		t.observed.add(Unexpected, "dead letter of %s/%d@%d, which nobody produced", topic, index, offset)
		return
	}
	e := &t.entries[id]
	if e.fate != DeadLettered {
		t.observed.add(Unexpected, "dead letter of %s/%d@%d, which should be %s", topic, index, offset, e.fate)
		return
	}
	if e.letters++; e.letters > 1 {
		t.observed.add(DeadLetterRepeated, "%s/%d@%d", topic, index, offset)
		return
	}
	e.done = at
	t.missing--
}

// Commit tells a committed offset that was seen at a moment. Equal ones may be
// told again and again.
func (t *Truth) Commit(topic string, index int32, offset int64, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := partition{topic, index}
	seen := t.commits[p]
	if n := len(seen); n > 0 && seen[n-1].offset == offset {
		return
	}
	if n := len(seen); n > 0 && offset < seen[n-1].offset {
		t.observed.add(CommitBack, "%s/%d: %d after %d", topic, index, offset, seen[n-1].offset)
	}
	t.commits[p] = append(seen, commit{offset, at})
}

// Committed is the offset told last for a partition, -1 if none.
func (t *Truth) Committed(topic string, index int32) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	seen := t.commits[partition{topic, index}]
	if len(seen) == 0 {
		return -1
	}
	return seen[len(seen)-1].offset
}

// Crash tells that a bridge was killed at a moment: what it had in flight, and
// what it had stored moments before, may be stored again.
func (t *Truth) Crash(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.crashes = append(t.crashes, at)
}

// Truncate tells that Kafka has taken back the records of a partition from an
// offset on, and will give their offsets to others. What was told so far is
// judged by itself: the commits up to now count for the records up to now.
func (t *Truth) Truncate(topic string, index int32, from int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.truncate(partition{topic, index}, from)
}

// Recreate tells that a topic was deleted and made anew.
func (t *Truth) Recreate(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[partition]bool{}
	for i := range t.entries {
		all[t.entries[i].partition] = t.entries[i].topic == topic
	}
	for p := range t.commits {
		all[p] = p.topic == topic
	}
	for p, concerned := range all {
		if concerned {
			t.truncate(p, 0)
		}
	}
}

func (t *Truth) truncate(p partition, from int64) {
	judgeCommits(p, t.byPartition(tally{})[p], t.commits[p], t.observed)
	delete(t.commits, p)
	t.histories++
	old := fmt.Sprintf("%s (history %d)", p.topic, t.histories)
	for i := range t.entries {
		if e := &t.entries[i]; e.partition == p && e.offset >= from {
			delete(t.sources, source{p, e.offset})
			e.topic = old
		}
	}
}

// Missing is how many records still have to be stored or dead-lettered.
func (t *Truth) Missing() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.missing
}

// Lines is how many lines were stored, repeats included.
func (t *Truth) Lines() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stores
}

// Offset is the offset of an acknowledged record, -1 before.
func (t *Truth) Offset(id ID) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.entries[id].offset
}

func (f Fate) String() string {
	return [...]string{"stored", "dead-lettered", "left out", "held"}[f]
}

func (e *entry) storedEverywhere() bool {
	return !slices.ContainsFunc(e.copies, func(s storage) bool { return s.first == 0 })
}
