package sim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// kind says what a produced record looks like.
type kind uint8

const (
	valid     kind = iota
	noID           // valid where the id is not taken from the record's id field
	poison         // no JSON
	tombstone      // a null value
	huge           // larger than any line may be
	marker         // no record, but the end of a transaction
)

func (k kind) String() string {
	return [...]string{"valid", "no-id", "poison", "tombstone", "huge", "marker"}[k]
}

// place is a partition of one incarnation of a topic.
type place struct {
	topic       string
	incarnation int
	partition   int32
}

func (p place) String() string { return fmt.Sprintf("%s#%d/%d", p.topic, p.incarnation, p.partition) }

// produced is one record and what became of it.
type produced struct {
	place
	offset  int64
	at      time.Time // of its production
	unique  string    // its field u
	key     string    // of those that compaction may remove
	kind    kind
	names   []string // as in the record
	removed bool     // by retention or compaction, or with its topic
	old     bool     // of the day before, and the start of its partition is not known yet
	leftOut bool     // it was old, and its partition starts behind it
	open    bool     // its transaction has not ended
	aborted bool     // its transaction was aborted: it is nobody's
	batch   int64    // bytes of its Kafka batch, if that is a large one
	done    bool     // it was found done, see truth.done
	refused bool     // the dead-letter topic did not take a letter of it, which was too large

	stores  map[string][]storing // by namespace
	letters map[string]int       // by namespace, "" for the record as a whole
	written map[string]time.Time // when the first of these was written
}

// storing is one copy of a line in the store.
type storing struct {
	object *object
	order  int // over all storings
}

// object is one stored object.
type object struct {
	id, process string
	began       time.Time // when the PUT began that stored it
	at          time.Time
	learned     time.Time // when the process learned that it is stored, zero if it never did
}

// excuse is a fault that may make a line be stored again: what the process
// stored before to, and has learned of since from.
type excuse struct {
	process  string // empty: any
	from, to time.Time
	why      string
}

// truth knows what was produced and what became of it. Safe for concurrent use.
type truth struct {
	mu        sync.Mutex
	byUnique  map[string]*produced
	logs      map[place][]*produced // by offset
	current   map[string]int        // incarnation of each topic
	ids       map[string]int        // topic id, as in commit metadata -> incarnation
	used      []*settings           // in force now or before
	runs      map[string]*settings  // by process
	objects   map[string]*object
	uploader  map[string]string    // request id -> process
	began     map[string]time.Time // request id -> when the latest PUT began
	order     int
	orders    bool // lines of a namespace keep their order
	excuses   []excuse
	faults    []string
	committed map[place]int64 // applied, as sampled
	latest    map[place]int   // incarnation of the latest commit, by topic and partition
	verified  map[place]int64 // every record below is done
	late      bool            // a commit may arrive after a later one
	small     bool            // the broker may refuse any metadata
	commits   int
	liveness
	repeats int

	alive    map[string]time.Time   // process -> when the group last heard of it, as far as it can know
	joins    map[string][]time.Time // process -> its generations
	puts     map[string][]int       // request id -> status of each PUT, 0 without an answer
	thawed   map[string]time.Time   // process -> when it went on after a freeze
	refusals map[string]bool        // namespaces whose batches were refused, "" for all
	outlaw   map[string]int         // member and generation -> commits although it is out of the group
}

func newTruth() *truth {
	return &truth{
		byUnique: map[string]*produced{}, logs: map[place][]*produced{}, current: map[string]int{}, ids: map[string]int{}, runs: map[string]*settings{},
		objects: map[string]*object{}, uploader: map[string]string{}, began: map[string]time.Time{}, committed: map[place]int64{}, latest: map[place]int{}, verified: map[place]int64{}, liveness: liveness{passed: map[place][]passing{}},
		orders: true,
		alive:  map[string]time.Time{}, joins: map[string][]time.Time{}, puts: map[string][]int{}, thawed: map[string]time.Time{}, outlaw: map[string]int{}, refusals: map[string]bool{},
	}
}

const maxFaults = 20

// fault notes a broken promise. Call with mu held.
func (t *truth) fault(format string, args ...any) {
	if len(t.faults) < maxFaults {
		t.faults = append(t.faults, fmt.Sprintf("%s ", sinceStart())+fmt.Sprintf(format, args...))
	}
}

func (t *truth) blame(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault(format, args...)
}

// produce announces a record; its offset is the next one of its partition.
func (t *truth) produce(topic string, partition int32, k kind, unique string, names []string) *produced {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := place{topic, t.current[topic], partition}
	r := &produced{place: at, offset: int64(len(t.logs[at])), at: time.Now(), unique: unique, kind: k, names: names, stores: map[string][]storing{}, letters: map[string]int{}, written: map[string]time.Time{}}
	t.logs[at] = append(t.logs[at], r)
	t.byUnique[unique] = r
	return r
}

// remove notes that Kafka itself has removed everything below an offset.
func (t *truth) remove(at place, below int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.logs[at] {
		if r.offset < below {
			r.removed, r.old = true, false
		}
	}
}

// recreate begins another incarnation of a topic.
func (t *truth) recreate(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at, log := range t.logs {
		if at.topic == topic && at.incarnation == t.current[topic] {
			for _, r := range log {
				r.removed, r.old = true, false
			}
		}
	}
	t.current[topic]++
}

func (t *truth) place(topic string, partition int32) place {
	t.mu.Lock()
	defer t.mu.Unlock()
	return place{topic, t.current[topic], partition}
}

// use notes settings that a process now runs with.
func (t *truth) use(process string, s *settings) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runs[process] = s
	if !slices.Contains(t.used, s) {
		t.used = append(t.used, s)
	}
}

func (t *truth) excuse(e excuse) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.excuses = append(t.excuses, e)
}

// joined notes that a generation begins for a process.
func (t *truth) joined(process string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.joins[process] = append(t.joins[process], time.Now())
	t.alive[process] = time.Now()
}

// uploads notes a PUT that begins: only a member whose session holds may make
// one, since its partitions may be another one's by then.
func (t *truth) uploads(id, process string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uploader[id], t.began[id] = process, time.Now()
	with := t.runs[process]
	if with == nil {
		t.fault("a PUT of %q, who does not exist", process)
		return
	}
	if silent := time.Since(t.alive[process]); silent > with.session+time.Second && time.Since(t.thawed[process]) > time.Second {
		t.fault("%s uploads although the group has not heard of it for %s", process, silent)
	}
}

// uploaded notes the answer to a PUT, 0 if there was none.
func (t *truth) uploaded(id string, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.puts[id] = append(t.puts[id], status)
}

// told notes that a process has learned that its object is stored.
func (t *truth) told(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o := t.objects[id]; o != nil {
		o.learned = later(o.learned, time.Now())
	} else {
		t.fault("an import is told as stored, and is not: %s", id)
	}
}

// store notes a stored object.
func (t *truth) store(namespace, id string, body []byte, limits *settings) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := &object{id: id, process: t.uploader[id], began: t.began[id], at: time.Now()}
	t.objects[id] = o
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if int64(len(body)) > limits.batchBytes || len(lines) > limits.batchRecords {
		t.fault("object of %s is too large: %d bytes, %d lines", namespace, len(body), len(lines))
	}
	for _, line := range lines {
		var fields struct{ U string }
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.fault("line of %s: %v", namespace, err)
			continue
		}
		r := t.byUnique[fields.U]
		if r == nil || !t.belongs(r, namespace) {
			t.fault("line %s does not belong into %s", fields.U, namespace)
			continue
		}
		if r.leftOut {
			t.fault("line %s of %s lies before the start of %v, which was committed", fields.U, namespace, r.place)
		}
		t.order++
		r.stores[namespace] = append(r.stores[namespace], storing{o, t.order})
	}
}

// belongs says whether some settings send the record to the namespace.
func (t *truth) belongs(r *produced, namespace string) bool {
	return slices.ContainsFunc(t.used, func(s *settings) bool {
		names, _, ok := s.fate(r)
		return ok && slices.Contains(names, namespace)
	})
}

func (r *produced) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v@%d %s %s names %v", r.place, r.offset, r.kind, r.unique, r.names)
	for ns, list := range r.stores {
		for _, s := range list {
			fmt.Fprintf(&b, " stored in %s by %s at %s (%s, learned %t)", ns, s.object.process, stamp(s.object.at), s.object.id, !s.object.learned.IsZero())
		}
	}
	for ns, n := range r.letters {
		fmt.Fprintf(&b, " %d letters %q", n, ns)
	}
	if r.removed {
		b.WriteString(" removed")
	}
	return b.String()
}
