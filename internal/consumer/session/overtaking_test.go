package session

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

func fourAtOnce(c *process.Config) { c.NamespaceConcurrency, c.UploadConcurrency = 4, 8 }

// exceptFrom lets every import of a namespace fail whose first line is one of
// these, and takes the others.
func exceptFrom(o Outcome, ids ...string) func(*fakeImport) Outcome {
	return func(i *fakeImport) Outcome {
		if slices.Contains(ids, i.ids()[0]) {
			return o
		}
		return accepted
	}
}

// once wants each of the lines to be stored once, in any order: those from a first
// offset to a last one, and so on.
func once(t *testing.T, stored []string, runs ...int64) {
	t.Helper()
	var got []int64
	for _, id := range stored {
		o, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o)
	}
	slices.Sort(got)
	var want []int64
	for i := 0; i < len(runs); i += 2 {
		want = append(want, offsets(runs[i], runs[i+1])...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("stored %v\nwant each of %v once", got, want)
	}
}

// TestSession_whatOvertookAFailingBatchIsNotSentAgain hands over, twice, while
// the first of four imports of a namespace keeps failing.
func TestSession_whatOvertookAFailingBatchIsNotSentAgain(t *testing.T) {
	for _, failing := range [][]string{{"0"}, {"10"}, {"0", "20"}, {"0", "30"}} {
		t.Run(fmt.Sprint(failing), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
				log, stored := runOf("a", 0, 59), map[string][]string{}
				r := newSessionRig(t, nil, fourAtOnce)
				for owner := range 3 {
					if owner > 0 {
						o := r.commits.CommitOf(r.part(0))
						r = newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{tp: o}, fourAtOnce)
						log = log[slices.IndexFunc(log, func(rec recordbatch.Record) bool { return rec.Offset >= o.Offset }):]
					}
					r.api.stored = stored
					if owner < 2 {
						r.api.put = exceptFrom(overloaded, failing...)
					}
					r.feed(0, log...)
					r.after(5 * time.Second)
				}
				r.after(2 * age)
				once(t, stored["a"], 0, 59)
				r.watermark(0, 60)
			})
		})
	}
}

func TestSession_nothingOvertakesABatchThatIsRetried(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.put = exceptFrom(overloaded, "0")
		r.feed(0, runOf("a", 0, 39)...)
		once(t, r.api.stored["a"], 10, 39)
		r.feed(0, runOf("a", 40, 99)...)
		r.after(time.Minute)
		once(t, r.api.stored["a"], 10, 39)
		r.api.put = nil
		r.after(30 * time.Second)
		once(t, r.api.stored["a"], 0, 99)
	}, fourAtOnce)
}

// TestSession_catchUpKnowsWhatOvertook drops the failing batch while others,
// from behind it, are stored or still under way.
func TestSession_catchUpKnowsWhatOvertook(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer Outcome
	}{{"held", refusal}, {"short of memory", overloaded}} {
		t.Run(tc.name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				slow := make(chan struct{})
				r.api.put = func(i *fakeImport) Outcome {
					if i.namespace == "a" && i.ids()[0] == "20" {
						<-slow
						return accepted
					}
					return exceptFrom(tc.answer, "0")(i)
				}
				r.feed(0, append(runOf("a", 0, 49), runOf("good", 50, 59)...)...)
				r.after(time.Second)
				r.feed(1, runOf("good", 500, 509)...)
				r.memory.relieve(1<<40, time.Now())
				r.settleDown()
				r.api.put = func(i *fakeImport) Outcome {
					if i.namespace == "a" && i.ids()[0] == "20" {
						<-slow
					}
					return accepted
				}
				r.after(2 * time.Minute) // probes meanwhile
				close(slow)
				r.after(3 * time.Minute)
				once(t, r.api.stored["a"], 0, 49)
				r.watermark(0, 60)
			}, fourAtOnce)
		})
	}
}

// TestSession_catchUpAwaitsWhatMayBeStored drops the first of three batches
// while the others may be stored without anybody knowing: until that is clear
// their lines are not read again.
func TestSession_catchUpAwaitsWhatMayBeStored(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		unclear := []string{"10", "20"}
		r.api.ask = unanswered
		r.api.put = func(i *fakeImport) Outcome {
			switch first := i.ids()[0]; {
			case i.namespace != "a":
				return accepted
			case slices.Contains(unclear, first):
				i.ambiguous = true
				return overloaded
			case first == "0" && len(unclear) == 2:
				return overloaded
			}
			i.ambiguous = false
			return accepted
		}
		r.feed(0, append(runOf("a", 0, 29), runOf("good", 30, 39)...)...)
		r.after(time.Second)
		r.feed(1, runOf("good", 500, 509)...)
		r.memory.relieve(1<<40, time.Now())
		r.settleDown()
		unclear = unclear[1:]
		r.after(time.Minute)
		once(t, r.api.stored["a"], 10, 19)
		unclear = nil
		r.after(time.Minute)
		once(t, r.api.stored["a"], 0, 29)
		r.watermark(0, 40)
	}, fourAtOnce)
}

// TestSession_whatWasUnderWayEndsNoHold: an import that was under way beside the
// refused one says nothing about it.
func TestSession_whatWasUnderWayEndsNoHold(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		slow := make(chan struct{})
		r.api.put = func(i *fakeImport) Outcome {
			if i.ids()[0] == "10" {
				<-slow
			}
			return exceptFrom(refusal, "0")(i)
		}
		r.feed(0, runOf("a", 0, 29)...)
		r.after(5 * time.Second)
		close(slow)
		r.after(5 * time.Second)
		once(t, r.api.stored["a"], 10, 29)
		if st := r.status(); st.Namespaces[0].State != "held" || r.api.puts["a"] != 3 {
			t.Errorf("%s after %d uploads, want held after 3", st.Namespaces[0].State, r.api.puts["a"])
		}
	}, fourAtOnce)
}
