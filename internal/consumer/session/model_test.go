package session

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// sessionPlay drives sessions, one after the other, through random trouble and
// remembers every line.
type sessionPlay struct {
	*sessionRig
	rng       *rand.Rand
	namespace []string
	away      bool           // the dead-letter topic
	lost      map[int32]bool // partitions whose topic seems gone
	saved     map[string][]string
	refused   record.Policy
	atOnce    int             // imports of a namespace
	small     bool            // the buffer: memory is often short
	lettered  map[string]bool // namespace, none for a record that is no line, and offset
	next      [2]int64        // next offset to make of each partition
	history   map[kafka.TopicPartition][]recordbatch.Record
	story     []string

	mu     sync.Mutex // guards what follows: attempts that take their time read it
	create map[string]Outcome
	put    map[string]Outcome
	takes  map[string]time.Duration // each call of a namespace, at most
	calls  int                      // so far
	keeps  bool                     // the store has what it denies, and the API says so
}

// smallestBuffer has room for some twenty batches of a few lines.
const smallestBuffer = 64 << 10

// Partition 1 begins at this offset, so that an id tells the partition.
const secondPartition = 500

func (p *sessionPlay) tell(format string, args ...any) {
	p.story = append(p.story, fmt.Sprintf(format, args...))
}

// begin makes the next owner of the partitions.
func (p *sessionPlay) begin(committed map[kafka.TopicPartition]kafka.CommitOffset) {
	p.sessionRig = newSessionRig(p.t, committed, func(c *process.Config) {
		c.OnInvalid, c.OnRejected = record.DeadLetter, p.refused
		c.Batch.MaxRecords, c.NamespaceConcurrency = 7, p.atOnce
		if p.small {
			c.BufferMaxBytes = smallestBuffer
		}
	})
	p.api.stored = p.saved
	p.api.create = func(ns string) Outcome { return p.answer(p.create, ns) }
	p.api.ask = func(i *fakeImport) Outcome { // with the API's lock
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.keeps {
			return Outcome{Class: Unproven, Operation: "ask", Err: errors.New("nobody can tell")}
		}
		i.api.stored[i.namespace] = append(i.api.stored[i.namespace], i.ids()...)
		return Outcome{Class: Stored, Operation: "ask"}
	}
	p.api.put = func(i *fakeImport) Outcome {
		o := p.answer(p.put, i.namespace)
		switch {
		case i.ambiguous && o.Class == Refused:
			return accepted // whether it was stored before, nobody could say
		case o.Class == Stored:
			i.ambiguous = false
		case o.Class == Retry:
			i.ambiguous = true
		}
		return o
	}
	p.letters.write = func(l *letters.Letter) error {
		if p.away {
			return errors.New("no leader")
		}
		key := fmt.Sprint(l.Namespace, l.Offset)
		if p.lettered[key] {
			p.t.Errorf("record %d is dead-lettered twice for %q after\n%s", l.Offset, l.Namespace, strings.Join(p.story, "\n"))
		}
		p.lettered[key] = true
		return nil
	}
}

func (p *sessionPlay) answer(by map[string]Outcome, ns string) Outcome {
	p.mu.Lock()
	takes := p.takes[ns]
	if p.calls++; takes > 0 {
		takes = takes * time.Duration(1+p.calls*7%10) / 10
	}
	p.mu.Unlock()
	if takes > 0 {
		time.Sleep(takes)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, ok := by[ns]; ok {
		return o
	}
	return accepted
}

// more makes records and feeds them.
func (p *sessionPlay) more() {
	part := p.rng.IntN(2)
	if p.lost[int32(part)] {
		return
	}
	var records []recordbatch.Record
	for range 1 + p.rng.IntN([]int{20, 60}[p.rng.IntN(2)]) {
		o := p.next[part]
		p.next[part] += 1 + p.rng.Int64N(2)
		rec := recordbatch.InNS(o, p.namespace[p.rng.IntN(len(p.namespace))])
		switch p.rng.IntN(12) {
		case 0:
			rec = recordbatch.Record{Offset: o, Value: []byte("poison")}
		case 1:
			rec = recordbatch.InNS(o, p.namespace[:1+p.rng.IntN(len(p.namespace))]...)
		}
		records = append(records, rec)
	}
	tp := kafka.TopicPartition{Topic: "orders", Partition: int32(part)}
	p.history[tp] = append(p.history[tp], records...)
	p.logs[tp] = append(p.logs[tp], records...)
	p.tell("feed %d-%d", records[0].Offset, p.next[part]-1)
	p.readOn()
}

// readOn lets the session read what it has not read yet, as the fetcher does, and reports
// whether there was something.
func (p *sessionPlay) readOn() (read bool) {
	p.t.Helper()
	for tp, part := range p.assignment.Partitions {
		log := p.logs[tp]
		at, _ := slices.BinarySearchFunc(log, part.Ledger.Position(), func(rec recordbatch.Record, o int64) int { return int(rec.Offset - o) })
		if at == len(log) || part.Cursor.Paused || p.memory.pending != nil || len(p.read) > 0 {
			continue
		}
		read = true
		end := min(at+60, len(log))
		p.logs[tp] = log[:at:at]
		p.feed(tp.Partition, log[at:end]...)
		p.logs[tp] = log
	}
	return read
}

// change gives some namespace another fate.
func (p *sessionPlay) change() {
	p.mu.Lock()
	defer p.mu.Unlock()
	ns := p.namespace[p.rng.IntN(len(p.namespace))]
	p.create[ns] = []Outcome{accepted, refusal, overloaded}[p.rng.IntN(3)]
	p.put[ns] = []Outcome{accepted, refusal, overloaded}[p.rng.IntN(3)]
	p.takes[ns] = []time.Duration{0, 0, 0, time.Second, 10 * time.Second, 40 * time.Second}[p.rng.IntN(6)]
	p.away, p.keeps = p.rng.IntN(3) == 0, p.rng.IntN(2) == 0
	p.tell("%s: create %d, put %d, each takes %s, dead letters away %t, the store keeps what it denies %t", ns, p.create[ns].Status, p.put[ns].Status, p.takes[ns], p.away, p.keeps)
}

// loseOrFind makes the topic of a partition seem gone, or be there again.
func (p *sessionPlay) loseOrFind(n int32) {
	part := p.part(n)
	if p.lost[n] = !p.lost[n]; p.lost[n] {
		p.tell("%d is lost", n)
		p.assignment.Lose(part, kafka.CodeUnknownTopicID)
	} else {
		p.tell("%d is found", n)
		p.assignment.Found(part, time.Now())
	}
	p.settleDown()
}

// drain ends the session as a rebalance does.
func (p *sessionPlay) drain() {
	p.beginDrain([]assignment.DrainReason{assignment.ForRebalance, assignment.ForShutdown}[p.rng.IntN(2)], time.Now())
	for p.settleDown(); p.unsettled(time.Now()) && time.Now().Before(p.Drain.Deadline); {
		p.after(time.Second)
	}
	p.Cancel()
	p.Tasks.Wait()
	for len(p.attempts.Results) > 0 {
		p.attempts.Attempted(<-p.attempts.Results)
	}
	for len(p.deadLetters.Acks) > 0 {
		p.deadLetters.Answered(<-p.deadLetters.Acks)
	}
}

// handOver commits and lets a new owner go on. Where an import may be stored
// without anybody knowing, or only some of a batch's dead letters are written,
// a repeat would be right: that is left out.
func (p *sessionPlay) handOver() {
	if len(p.lines.CatchUp.Refused) > 0 || p.lost[0] || p.lost[1] {
		return
	}
	p.tell("hand over")
	p.drain()
	committed := map[kafka.TopicPartition]kafka.CommitOffset{}
	for tp, part := range p.assignment.Partitions {
		committed[tp] = p.commits.CommitOf(part)
	}
	p.begin(committed)
	for tp, records := range p.history {
		p.logs[tp] = slices.Clone(records)
	}
	for range 5 {
		p.readOn()
	}
}

// check compares the watermarks with what is stored or dead-lettered.
func (p *sessionPlay) check() {
	p.t.Helper()
	p.api.mu.Lock()
	defer p.api.mu.Unlock()
	done := map[string]map[string]bool{}
	for ns, ids := range p.saved {
		done[ns] = map[string]bool{}
		for _, id := range ids {
			if done[ns][id] {
				p.t.Fatalf("line %s of %s is stored twice after\n%s", id, ns, strings.Join(p.story, "\n"))
			}
			done[ns][id] = true
		}
	}
	for tp, records := range p.history {
		mark := p.assignment.Partitions[tp].Ledger.Watermark()
		for _, rec := range records {
			if rec.Offset >= mark {
				break
			}
			if string(rec.Value) == "poison" {
				if !p.lettered[fmt.Sprint(rec.Offset)] {
					p.t.Fatalf("watermark %d passes the poison record %d, which is nowhere, after\n%s", mark, rec.Offset, strings.Join(p.story, "\n"))
				}
				continue
			}
			for _, ns := range namespacesOf(rec) {
				letter := p.lettered[fmt.Sprint(ns, rec.Offset)]
				if letter && done[ns][fmt.Sprint(rec.Offset)] {
					p.t.Fatalf("line %d of %s is both stored and dead-lettered after\n%s", rec.Offset, ns, strings.Join(p.story, "\n"))
				}
				if !letter && !done[ns][fmt.Sprint(rec.Offset)] {
					p.t.Fatalf("watermark %d passes line %d of %s, which is not stored, after\n%s", mark, rec.Offset, ns, strings.Join(p.story, "\n"))
				}
			}
		}
	}
}

func namespacesOf(rec recordbatch.Record) []string {
	_, list, _ := strings.Cut(string(rec.Value), "[")
	return strings.Split(strings.Trim(list, `"]}`), `","`)
}

// TestSession_model: after any trouble, and any number of owners, every line is
// stored once and in order, and at no time is an offset committable that is not
// done.
func TestSession_model(t *testing.T) {
	seeds := uint64(200)
	if testing.Short() {
		seeds = 60
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &sessionPlay{
					rng: rand.New(rand.NewPCG(seed, 6)), namespace: []string{"a", "b", "c", "d"}[:1+seed%4],
					create: map[string]Outcome{}, put: map[string]Outcome{}, takes: map[string]time.Duration{}, lost: map[int32]bool{}, saved: map[string][]string{}, lettered: map[string]bool{}, refused: []record.Policy{record.Hold, record.DeadLetter}[seed/4%2], atOnce: []int{1, 4}[seed/8%2], small: seed%3 == 2,
					next: [2]int64{0, secondPartition}, history: map[kafka.TopicPartition][]recordbatch.Record{},
				}
				p.sessionRig = &sessionRig{t: t}
				p.begin(nil)
				for range 60 {
					switch op := p.rng.IntN(21); {
					case op < 8 && p.next[0] < secondPartition-120 && p.next[1] < 1000-120:
						p.more()
					case op < 12:
						p.change()
					case op < 13:
						p.tell("memory is short")
						p.memory.relieve(1<<40, time.Now())
						p.settleDown()
					case op < 14:
						p.answers = p.rng.IntN(5)
						p.tell("%d catch-up reads are answered", p.answers)
					case op < 15:
						p.handOver()
					case op < 16:
						p.loseOrFind(p.rng.Int32N(2))
					default:
						d := time.Duration(1+p.rng.IntN(70)) * time.Second
						p.tell("%s pass", d)
						p.after(d)
						p.readOn()
					}
					p.check()
				}
				p.mu.Lock()
				clear(p.create)
				clear(p.put)
				clear(p.takes)
				p.mu.Unlock()
				p.away, p.answers = false, math.MaxInt
				p.tell("all is well again")
				for n, lost := range p.lost {
					if lost {
						p.loseOrFind(n)
					}
				}
				for p.after(6 * time.Minute); p.readOn(); {
					p.after(6 * time.Minute)
				}
				p.check()
				p.finished()
			})
		})
	}
}

// finished checks the end: all done, in order, nothing in memory.
func (p *sessionPlay) finished() {
	p.t.Helper()
	for tp, records := range p.history {
		if got, want := p.assignment.Partitions[tp].Ledger.Watermark(), records[len(records)-1].Offset+1; got != want {
			p.t.Errorf("watermark of %d is %d at the end, want %d, after\n%s", tp.Partition, got, want, strings.Join(p.story, "\n"))
		}
	}
	p.api.mu.Lock()
	defer p.api.mu.Unlock()
	for ns, ids := range p.saved {
		last := [2]int{-1, -1}
		for _, id := range ids {
			o, err := strconv.Atoi(id)
			if err != nil {
				p.t.Fatal(err)
			}
			part := 0
			if o >= secondPartition {
				part = 1
			}
			if o <= last[part] && p.atOnce == 1 {
				p.t.Errorf("line %d of %s is stored after %d, after\n%s", o, ns, last[part], strings.Join(p.story, "\n"))
			}
			last[part] = o
		}
	}
	if used := p.Pool.InUse(); used != 0 {
		p.t.Errorf("%d bytes are in memory at the end", used)
	}
	for n := range p.lines.Namespaces() {
		p.t.Errorf("namespace %+v is remembered at the end, after\n%s", *n, strings.Join(p.story, "\n"))
	}
}
