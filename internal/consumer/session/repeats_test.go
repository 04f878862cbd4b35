package session

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// What is sent again, and no more than that, in the cases of docs/guarantees.md in
// which a repeat cannot be helped.

// handOver lets the next owner begin with what partition 0 would commit now. It reads
// the log from there.
func handOver(r *sessionRig, log []recordbatch.Record, change ...func(*sessionRig)) *sessionRig {
	r.t.Helper()
	o := r.commits.CommitOf(r.part(0))
	next := newSessionRig(r.t, map[kafka.TopicPartition]kafka.CommitOffset{o.TopicPartition: o})
	next.api.stored = r.api.stored
	for _, c := range change {
		c(next)
	}
	if i := slices.IndexFunc(log, func(rec recordbatch.Record) bool { return rec.Offset >= o.Offset }); i >= 0 {
		next.feed(0, log[i:]...)
	}
	next.after(2 * age)
	return next
}

// Of a record that was held, and has become valid since, the lines of one namespace
// cannot be told from those of another at a hand-over: what is stored of it is sent
// again, and nothing else.
func TestSession_repeatsTheLinesOfAReleasedRecordOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := append(runOf("a", 0, 4), append(poison(5, 6), append(runOf("a", 7, 12), runOf("b", 13, 19)...)...)...)
		r := newSessionRig(t, nil)
		r.feed(0, log...)
		r.after(2 * age)
		r.watermark(0, 5)
		once(t, r.api.stored["a"], 0, 4, 7, 12)
		log[5], log[6] = recordbatch.InNS(5, "a", "b"), recordbatch.InNS(6, "a") // valid by another setting
		failing := func(r *sessionRig) { r.api.create = only("b", overloaded) }
		r = handOver(r, log, failing)
		once(t, r.api.stored["a"], 0, 12)
		r = handOver(r, log)
		once(t, r.api.stored["b"], 5, 5, 13, 19)
		twice := slices.DeleteFunc(slices.Clone(r.api.stored["a"]), func(id string) bool { return id == "5" })
		if n := len(r.api.stored["a"]) - len(twice); n > 2 {
			t.Errorf("the line of the released record is stored %d times", n)
		}
		once(t, twice, 0, 4, 6, 12)
		r.watermark(0, 20)
	})
}

// While nothing shows that a topic without an id is still the one that was read,
// nothing of it is committed: what is stored meanwhile is sent again after a stop.
func TestSession_commitsNothingOfATopicThatMayBeAnother(t *testing.T) {
	for name, tc := range map[string]struct {
		versions *kversion.Versions
		cut      bool
		back     time.Duration // after the end has begun
		before   int64         // committed by then
		offset   int64
	}{
		"brokers before 2.8, and the connection has failed":        {kversion.V2_7_0(), true, time.Hour, 0, 0},
		"brokers before 2.8, and the connection failed for a time": {kversion.V2_7_0(), true, time.Second, 0, 4},
		"brokers before 2.8":                              {kversion.V2_7_0(), false, 0, 4, 4},
		"brokers with ids, and the connection has failed": {kversion.V3_7_0(), true, time.Hour, 4, 4},
	} {
		for _, stop := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, stop %t", name, stop), func(t *testing.T) {
				var away atomic.Bool
				runningSessionOn(t, []kfake.Opt{kfake.MaxVersions(tc.versions)}, func(r *sessionRun) {
					r.Cluster.ControlKey(kmsg.Fetch.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
						r.Cluster.KeepControl()
						return nil, errors.New("hang up"), away.Load()
					})
				}, func(r *sessionRun) {
					time.Sleep(age / 2)
					away.Store(tc.cut)
					time.Sleep(age)
					if got := len(r.api.lines()); got != 4 {
						t.Errorf("%d of 4 lines are stored", got)
					}
					r.offsetNow(tc.before)
					began := time.Now()
					time.AfterFunc(tc.back, func() { away.Store(false) })
					r.end(stop)
					r.offset(tc.offset)
					if took := r.took(began); took > 7*time.Second || r.unfinished {
						t.Errorf("the end takes %s, unfinished %t", took, r.unfinished)
					}
				})
			})
		}
	}
}

// Once an answer shows that the topic is the same, what was stored is committed,
// without anything new.
func TestSession_commitsOfATopicThatIsTheSameAfterAll(t *testing.T) {
	var away atomic.Bool
	runningSessionOn(t, []kfake.Opt{kfake.MaxVersions(kversion.V2_7_0())}, func(r *sessionRun) {
		r.Cluster.ControlKey(kmsg.Fetch.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			return nil, errors.New("hang up"), away.Load()
		})
	}, func(r *sessionRun) {
		time.Sleep(age / 2)
		away.Store(true)
		time.Sleep(age)
		r.offsetNow(0)
		away.Store(false)
		time.Sleep(time.Minute)
		r.offsetNow(4)
		close(r.stop)
		r.offset(4)
	})
}

// An acknowledgement that gets lost costs the dead letters of its write once more, and
// no others.
func TestSession_aLostAcknowledgementRepeatsOneWrite(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		const lost = 1
		for n := range int64(3) {
			r.letters.write = func(l *letters.Letter) error {
				if n == lost {
					r.letters.taken = append(r.letters.taken, l)
					return errors.New("no answer")
				}
				return nil
			}
			r.feed(0, poison(400*n, 400*n+399)...)
			r.letters.write = nil
			r.after(age)
			r.watermark(0, 400*n+400)
		}
		seen := map[int64]int{}
		for _, l := range r.letters.taken {
			seen[l.Offset]++
		}
		repeated := 0
		for o := range int64(1200) {
			if n := seen[o]; n == 0 || n > 1 && o/400 != lost {
				t.Errorf("%d dead letters of the record at %d", n, o)
			}
			repeated += seen[o] - 1
		}
		if repeated == 0 || repeated > 500 {
			t.Errorf("%d dead letters are repeated, want those of one write", repeated)
		}
	}, func(c *process.Config) { c.OnInvalid = record.DeadLetter })
}

// A crash while the topic of receipts takes none repeats the imports since it last did.
func TestSession_aCrashRepeatsWhatHasNoReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := append(runOf("a", 0, 19), append(runOf("b", 20, 29), runOf("a", 30, 39)...)...)
		r, receipts := newSessionRig(t, nil), &fakeReceipts{}
		r.Receipts = receipts
		r.feed(0, log[:20]...)
		receipts.acknowledge()
		r.after(time.Second)
		r.feed(0, log[20:]...)
		r.after(age)
		once(t, r.api.stored["a"], 0, 19, 30, 39)
		r.watermark(0, 20)
		r = handOver(r, log)
		a, b := r.api.stored["a"], r.api.stored["b"]
		once(t, a[:min(30, len(a))], 0, 19, 30, 39)
		once(t, a[min(30, len(a)):], 30, 39)
		once(t, b[:min(10, len(b))], 20, 29)
		once(t, b[min(10, len(b)):], 20, 29)
		r.watermark(0, 40)
	})
}
