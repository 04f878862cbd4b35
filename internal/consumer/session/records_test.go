package session

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

func TestSession_lettersOfARefusedBatchAreAwaited(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.put = func(i *fakeImport) Outcome {
			if i.namespace == "bad" {
				return refusal
			}
			return accepted
		}
		full := 5
		r.letters.write = func(*letters.Letter) error {
			if full--; full < 0 {
				return errors.New("not enough replicas")
			}
			return nil
		}
		r.feed(0, recordbatch.InNS(0, "bad"), recordbatch.InNS(1, "good", "bad"), recordbatch.InNS(2, "good"), recordbatch.InNS(3, "bad"))
		r.feed(1, runOf("bad", 0, 5)...)
		r.after(age + 2*time.Second)
		r.stored("good", 1, 2)
		r.watermark(0, 4) // all that lies here has been taken
		r.watermark(1, 2)
		if used := r.Pool.InUse(); used != 0 {
			t.Errorf("%d bytes of a refused batch are in memory", used)
		}
		if len(r.letters.taken) != 5 {
			t.Fatalf("%d letters were taken, want 5", len(r.letters.taken))
		}
		if p := r.status().Partitions[1].PinnedBy; p == nil || p.Offset != 2 {
			t.Errorf("pinned by %+v", p)
		}
		full = 1000
		r.after(r.Config.MaxBackoff)
		r.watermark(0, 4)
		r.watermark(1, 6)
		var got []string
		for _, l := range r.letters.taken {
			got = append(got, fmt.Sprintf("%d/%d %s %s %s", l.Source.Partition, l.Offset, l.Reason, l.Namespace, l.RequestID))
			if want := r.logs[l.Source][l.Offset].Value; string(l.Value) != string(want) {
				t.Errorf("letter of %d holds %q, want the record %q", l.Offset, l.Value, want)
			}
		}
		slices.Sort(got)
		var want []string
		for _, at := range []string{"0/0", "0/1", "0/3", "1/0", "1/1", "1/2", "1/3", "1/4", "1/5"} {
			want = append(want, at+" refused bad req-bad")
		}
		if !slices.Equal(got, want) {
			t.Errorf("letters %q, want %q", got, want)
		}
	}, func(c *process.Config) { c.OnRejected = record.DeadLetter })
}

func TestSession_aLetterThatIsTooLargeIsHeld(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(l *letters.Letter) error {
			if l.Offset == 1 {
				return &kafka.RefusedError{Code: kafka.Code(10), Remedy: "raise max.message.bytes"}
			}
			return nil
		}
		r.feed(0, recordbatch.Record{Offset: 0, Value: []byte("poison")}, recordbatch.Record{Offset: 1, Value: []byte("large poison")}, recordbatch.Record{Offset: 2, Value: []byte("poison")})
		r.after(age)
		r.watermark(0, 1)
		if want := (ledger.Frontier{Below: 3, Whole: []ledger.Span{{First: 1, Last: 1}}}); fmt.Sprint(r.frontier(0)) != fmt.Sprint(want) {
			t.Errorf("the commit says %+v, want %+v", r.frontier(0), want)
		}
		if r.Budget.Held(budget.Letters) != 0 || r.deadLetters.Queue.Pending() != 0 {
			t.Errorf("%d letters of %d bytes are pending", r.deadLetters.Queue.Pending(), r.Budget.Held(budget.Letters))
		}
		if p := r.status().Partitions[0]; p.State != "held" || p.PinnedBy.Kind != "held_record" {
			t.Errorf("status %+v, pinned by %+v", p, p.PinnedBy)
		}
	}, func(c *process.Config) { c.OnInvalid = record.DeadLetter })
}

func poison(first, last int64) (records []recordbatch.Record) {
	for o := first; o <= last; o++ {
		records = append(records, recordbatch.Record{Offset: o, Value: []byte("poison")})
	}
	return records
}

func TestSession_tooManyHeldRecordsPauseThePartition(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, poison(0, assignment.MaxSingles-2)...)
		c := r.part(0).Cursor
		if c.Paused {
			t.Error("reading pauses too early")
		}
		epoch := c.Epoch.Load()
		r.feed(0, poison(assignment.MaxSingles-1, assignment.MaxSingles-1)...)
		if !c.Paused || c.Epoch.Load() == epoch || c.Offset != assignment.MaxSingles {
			t.Errorf("paused %t, reads again from %d", c.Paused, c.Offset)
		}
		r.feed(1, runOf("good", 0, 9)...)
		r.stored("good", offsets(0, 9)...)
		if p := r.status().Partitions[0]; p.State != "held" || p.PinnedBy.Kind != "held_record" || p.PinnedBy.Offset != 0 ||
			p.Error == nil || !strings.Contains(*p.Error, "reading pauses") {
			t.Errorf("status %+v, pinned by %+v", p, p.PinnedBy)
		}
		if f := r.frontier(0); len(f.Whole) != assignment.MaxSingles || f.Below != assignment.MaxSingles {
			t.Errorf("the commit names %d of %d held records, below %d", len(f.Whole), assignment.MaxSingles, f.Below)
		}
	})
}

// However many records of one chunk are to be held, and however far apart, the
// commit names all that is: the rest of the chunk is read when there is room.
func TestSession_heldRecordsOfOneChunkFitTheCommit(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		const apart = 400
		var few, many []recordbatch.Record
		for i := range int64(499) {
			few = append(few, recordbatch.Record{Offset: i * apart, Value: []byte("poison")})
		}
		for i := range int64(1000) {
			o := 499*apart + i*2*apart
			many = append(many, recordbatch.Record{Offset: o, Value: []byte("poison")}, recordbatch.InNS(o+apart, "a"))
		}
		for chunk := range slices.Chunk(few, 100) {
			r.feed(0, chunk...)
		}
		r.feed(0, many...)
		p := r.part(0)
		if !p.Cursor.Paused || p.Ledger.Position() != 501*apart || p.Cursor.Offset != 501*apart {
			t.Errorf("paused %t at %d, to be read on from %d; want %d", p.Cursor.Paused, p.Ledger.Position(), p.Cursor.Offset, 501*apart)
		}
		if f := r.frontier(0); len(f.Whole) != assignment.MaxSingles || f.Below != 501*apart || p.Omitted != 0 {
			t.Errorf("the commit names %d held records, below %d, %d namespaces omitted", len(f.Whole), f.Below, p.Omitted)
		}
		r.after(age)
		r.stored("a", 500*apart)
		if n := r.Metrics.Totals().RecordsConsumed; n != 501 {
			t.Errorf("%v records were consumed, want 501", n)
		}
	})
}

func TestSession_aPauseEndsWithTheDeadLetters(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		away := true
		r.letters.write = func(*letters.Letter) error {
			if away {
				return errors.New("no leader")
			}
			return nil
		}
		r.feed(0, poison(0, assignment.MaxSingles-1)...)
		if !r.part(0).Cursor.Paused {
			t.Fatal("reading goes on")
		}
		away = false
		r.after(r.Config.MaxBackoff)
		if r.part(0).Cursor.Paused {
			t.Error("reading is paused after the letters were taken")
		}
		r.watermark(0, assignment.MaxSingles)
	}, func(c *process.Config) { c.OnInvalid = record.DeadLetter })
}

// A partition whose dead letters have no room waits for their topic, and leaves
// the memory to the others.
func TestSession_deadLettersLeaveRoomInASmallBudget(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		answer := errAway
		r.letters.write = func(*letters.Letter) error { return answer }
		for o := range int64(100) {
			r.feed(0, recordbatch.Record{Offset: o, Value: bytes.Repeat([]byte("x"), 10<<10)})
		}
		r.feed(1, recordbatch.InNS(0, "good"))
		r.after(age + time.Second)
		r.stored("good", 0)
		if p := r.status().Partitions[0]; p.Error == nil || !strings.Contains(*p.Error, "reading pauses") {
			t.Errorf("status %+v", p)
		}
		answer = nil
		r.after(r.Config.MaxBackoff)
		if r.part(0).Cursor.Paused {
			t.Error("reading is paused although the topic has taken what there was")
		}
		for r.part(0).Ledger.Position() < 100 {
			r.replay(0)
		}
		lettered(t, r.letters, 0, 99)
		r.watermark(0, 100)
	}, func(c *process.Config) { c.OnInvalid, c.BufferMaxBytes = record.DeadLetter, 8<<20 })
}

func TestSession_whatThePoliciesDoWithARecord(t *testing.T) {
	for _, tc := range []struct {
		name      string
		change    func(*process.Config)
		watermark int64
		letters   int
	}{
		{"hold both", func(*process.Config) {}, 1, 0},
		{"skip invalid ones, hold tombstones", func(c *process.Config) { c.OnInvalid = record.Skip }, 2, 0},
		{"dead-letter invalid ones, skip tombstones", func(c *process.Config) { c.OnInvalid, c.OnTombstone = record.DeadLetter, record.Skip }, 4, 1},
		{"dead-letter both", func(c *process.Config) { c.OnInvalid, c.OnTombstone = record.DeadLetter, record.DeadLetter }, 4, 2},
		{"an operator's list comes first", func(c *process.Config) {
			c.OnInvalid, c.OnTombstone = record.DeadLetter, record.DeadLetter
			c.SkipRecords = map[kafka.TopicPartition]ledger.Offsets{{Topic: "orders", Partition: 0}: {{First: 1, Last: 2}}}
		}, 4, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.feed(0, recordbatch.InNS(0, "good"), recordbatch.Record{Offset: 1, Value: []byte("poison")}, recordbatch.Record{Offset: 2}, recordbatch.InNS(3, "good"))
				r.after(age)
				r.stored("good", 0, 3)
				r.watermark(0, tc.watermark)
				if len(r.letters.taken) != tc.letters {
					t.Errorf("%d letters, want %d", len(r.letters.taken), tc.letters)
				}
			}, tc.change)
		})
	}
}

// What an operator has named is left out of every read: also of one for lines
// that have left memory, or for the records of a refused batch.
func TestSession_aRecordThatIsSkippedByNameIsInNoCatchUp(t *testing.T) {
	for name, policy := range map[string]record.Policy{"lines": record.Hold, "dead letters": record.DeadLetter} {
		t.Run(name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = only("bad", refusal)
				r.feed(0, runOf("bad", 0, 2)...)
				r.after(2 * age)
				r.api.create = nil
				r.after(2 * r.Config.HoldProbeInterval)
				if got := append(slices.Clone(r.api.stored["bad"]), letterIDs(r.letters)...); !slices.Equal(got, []string{"0", "2"}) {
					t.Errorf("%s of %v, want 0 and 2", name, got)
				}
				r.watermark(0, 3)
			}, func(c *process.Config) {
				c.OnRejected = policy
				c.SkipRecords = map[kafka.TopicPartition]ledger.Offsets{{Topic: "orders", Partition: 0}: {{First: 1, Last: 1}}}
			})
		})
	}
}

// A record of a held namespace that is named after a restart has been imported
// by nobody.
func TestSession_aHeldLineThatIsSkippedByNameIsCountedSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := []recordbatch.Record{recordbatch.InNS(0, "bad"), recordbatch.InNS(1, "good")}
		r := newSessionRig(t, nil)
		r.api.create = only("bad", refusal)
		r.feed(0, log...)
		r.after(age)
		tp := r.part(0).TopicPartition
		r = newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{tp: r.commits.CommitOf(r.part(0))}, func(c *process.Config) {
			c.SkipRecords = map[kafka.TopicPartition]ledger.Offsets{tp: {{First: 0, Last: 0}}}
		})
		r.feed(0, log...)
		r.watermark(0, 2)
		for reason, want := range map[string]float64{"operator": 1, "already_imported": 1} { // the other one is good's
			if got := testutil.ToFloat64(r.Metrics.Skipped.WithLabelValues("orders", reason)); got != want {
				t.Errorf("%v records were skipped as %s, want %v", got, reason, want)
			}
		}
	})
}

func letterIDs(f *fakeLetters) (ids []string) {
	for _, l := range f.taken {
		ids = append(ids, fmt.Sprint(l.Offset))
	}
	return ids
}
