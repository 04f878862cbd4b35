package session

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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
	create    map[string]Outcome
	put       map[string]Outcome
	away      bool // the dead-letter topic
	saved     map[string][]string
	refused   record.Policy
	atOnce    int             // imports of a namespace
	lettered  map[string]bool // namespace, none for a record that is no line, and offset
	next      [2]int64        // next offset to make of each partition
	history   map[kafka.TopicPartition][]recordbatch.Record
	story     []string
}

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
	})
	p.api.stored = p.saved
	p.api.create = func(ns string) Outcome { return p.answer(p.create, ns) }
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
			p.t.Errorf("record %d is dead-lettered twice for %q", l.Offset, l.Namespace)
		}
		p.lettered[key] = true
		return nil
	}
}

func (p *sessionPlay) answer(by map[string]Outcome, ns string) Outcome {
	if o, ok := by[ns]; ok {
		return o
	}
	return accepted
}

// more makes records and feeds them.
func (p *sessionPlay) more() {
	part := p.rng.IntN(2)
	var records []recordbatch.Record
	for range 1 + p.rng.IntN(20) {
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
	p.tell("feed %d-%d", records[0].Offset, p.next[part]-1)
	p.feed(int32(part), records...)
}

// change gives some namespace another fate.
func (p *sessionPlay) change() {
	ns := p.namespace[p.rng.IntN(len(p.namespace))]
	p.create[ns] = []Outcome{accepted, refusal, overloaded}[p.rng.IntN(3)]
	p.put[ns] = []Outcome{accepted, refusal, overloaded}[p.rng.IntN(3)]
	p.away = p.rng.IntN(3) == 0
	p.tell("%s: create %d, put %d, dead letters away %t", ns, p.create[ns].Status, p.put[ns].Status, p.away)
}

// handOver commits and lets a new owner go on. Where an import may be stored
// without anybody knowing, or only some of a batch's dead letters are written,
// a repeat would be right: that is left out.
func (p *sessionPlay) handOver() {
	for n := range p.lines.Namespaces() {
		for _, u := range n.Uploads {
			if u.Ambiguous() {
				return
			}
		}
	}
	if len(p.lines.CatchUp.Refused) > 0 {
		return
	}
	p.tell("hand over")
	committed := map[kafka.TopicPartition]kafka.CommitOffset{}
	for tp, part := range p.assignment.Partitions {
		committed[tp] = p.commits.CommitOf(part)
	}
	p.begin(committed)
	for tp, records := range p.history {
		at, _ := slices.BinarySearchFunc(records, committed[tp].Offset, func(rec recordbatch.Record, o int64) int { return int(rec.Offset - o) })
		p.logs[tp] = slices.Clone(records[:at])
		if at < len(records) {
			p.feed(tp.Partition, records[at:]...)
		}
	}
}

// check compares the watermarks with what is stored or dead-lettered.
func (p *sessionPlay) check() {
	p.t.Helper()
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
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &sessionPlay{
					rng: rand.New(rand.NewPCG(seed, 6)), namespace: []string{"a", "b", "c", "d"}[:1+seed%4],
					create: map[string]Outcome{}, put: map[string]Outcome{}, saved: map[string][]string{}, lettered: map[string]bool{}, refused: []record.Policy{record.Hold, record.DeadLetter}[seed/4%2], atOnce: []int{1, 4}[seed/8%2],
					next: [2]int64{0, secondPartition}, history: map[kafka.TopicPartition][]recordbatch.Record{},
				}
				p.sessionRig = &sessionRig{t: t}
				p.begin(nil)
				for range 60 {
					switch op := p.rng.IntN(20); {
					case op < 8 && p.next[0] < secondPartition-50 && p.next[1] < 1000-50:
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
					default:
						d := time.Duration(1+p.rng.IntN(70)) * time.Second
						p.tell("%s pass", d)
						p.after(d)
					}
					p.check()
				}
				clear(p.create)
				clear(p.put)
				p.away, p.answers = false, math.MaxInt
				p.tell("all is well again")
				p.after(6 * time.Minute)
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
