package session

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

func TestSession_anExpiredLeaseCancelsAttempts(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		time.Sleep(r.Config.SessionTimeout)
		r.feed(0, runOf("a", 0, 9)...)
		if len(r.api.puts)+len(r.api.creates) != 0 {
			t.Error("the API is called without a lease")
		}
		r.stored("a")
		r.watermark(0, 0)
		r.after(2 * time.Second) // renews it
		r.stored("a", offsets(0, 9)...)
		r.watermark(0, 10)
	})
}

func TestSession_aFencedSessionStartsNothing(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("a", overloaded)
		r.feed(0, runOf("a", 0, 9)...)
		r.api.create = nil
		before := r.api.creates["a"]
		r.Fence(kafka.CodeIllegalGeneration)
		if !r.over() {
			t.Error("the loop goes on")
		}
		time.Sleep(time.Minute)
		r.settleDown()
		r.stored("a")
		if u := r.lines.Namespace("a").Uploads[0]; r.api.creates["a"] != before || u.Import.Attempts() != 1 {
			t.Errorf("an attempt begins after the fence: %d", u.Import.Attempts())
		}
		if err := r.Member.Lease.Check(); err == nil {
			t.Error("the lease holds after the fence")
		}
		r.Member.Lease.Renew(time.Now()) // a late answer to an earlier commit
		if err := r.Member.Lease.Check(); err == nil {
			t.Error("a late answer revives the lease")
		}
	})
}

func TestSession_aFencedSessionSendsNoLetters(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(*letters.Letter) error { return errors.New("no leader") }
		r.feed(0, poison(0, 0)...)
		r.letters.write = nil
		r.Fence(kafka.CodeUnknownMember)
		time.Sleep(time.Minute)
		r.settleDown()
		if len(r.letters.taken) != 0 {
			t.Error("a letter is written after the fence")
		}
	}, func(c *process.Config) { c.OnInvalid = record.DeadLetter })
}

func TestSession_unauthorisedLosesNothing(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = func(string) Outcome {
			return Outcome{Class: Unauthorised, Status: 401, Delay: 30 * time.Second, Err: errors.New("unauthorised")}
		}
		for i := range 5 {
			r.feed(0, runOf(fmt.Sprint("n", i), int64(10*i), int64(10*i+9))...)
		}
		r.after(10 * time.Minute)
		calls := 0
		for _, n := range r.api.creates {
			calls += n
		}
		if calls > 4+21 {
			t.Errorf("%d calls in 10 minutes, want about one each 30 s", calls)
		}
		r.watermark(0, 0)
		r.api.create = nil
		r.after(time.Minute)
		for i := range 5 {
			r.stored(fmt.Sprint("n", i), offsets(int64(10*i), int64(10*i+9))...)
		}
		r.watermark(0, 50)
	})
}

// TestSession_aReleasedRecordIsStoredAlone holds a record whose id is a number
// and hands over to an owner that takes numbers, and from there to another one.
func TestSession_aReleasedRecordIsStoredAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := runOf("a", 0, 9)
		log[3].Value = []byte(`{"id":3,"n":"3","ns":["a"]}`)
		tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
		stored := map[string][]string{}
		next := func(o kafka.CommitOffset, change ...func(*process.Config)) *sessionRig {
			r := newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{tp: o}, change...)
			r.api.stored = stored
			return r
		}
		r := next(kafka.CommitOffset{})
		r.feed(0, log...)
		r.after(age)
		r.watermark(0, 3)
		numbers := func(c *process.Config) { c.Record.IDNumbers = true }
		r = next(r.commits.CommitOf(r.part(0)), numbers)
		r.api.create = only("a", overloaded)
		r.feed(0, log[3:]...)
		r.after(age)
		r.watermark(0, 3)
		if want := (ledger.Frontier{Below: 10, Whole: []ledger.Span{{First: 3, Last: 3}}}); fmt.Sprint(r.frontier(0)) != fmt.Sprint(want) {
			t.Errorf("the commit says %+v, want %+v", r.frontier(0), want)
		}
		r = next(r.commits.CommitOf(r.part(0)), numbers)
		r.feed(0, log[3:]...)
		r.after(age)
		r.watermark(0, 10)
		r.stored("a", 0, 1, 2, 4, 5, 6, 7, 8, 9, 3)
	})
}

// TestSession_aNewOwnerGoesOnWhereTheCommitSays hands partitions over in the
// middle of random trouble: nothing is lost, and nothing stored twice.
func TestSession_aNewOwnerGoesOnWhereTheCommitSays(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 5))
				var log []recordbatch.Record
				want := map[string][]int64{}
				for o := range int64(150) {
					if rng.IntN(20) == 0 {
						log = append(log, recordbatch.Record{Offset: o, Value: []byte("poison")})
						continue
					}
					ns := names[rng.IntN(4)]
					log = append(log, recordbatch.InNS(o, ns))
					want[ns] = append(want[ns], o)
				}
				stored := map[string][]string{}
				committed := map[kafka.TopicPartition]kafka.CommitOffset{}
				for owner := range 4 {
					r := newSessionRig(t, committed)
					r.api.stored = stored
					if owner < 3 {
						r.api.create = trouble(rng, names)
					}
					at, end := int(committed[kafka.TopicPartition{Topic: "orders", Partition: 0}].Offset), 150
					if owner < 3 {
						end = min(150, at+20+rng.IntN(80))
					}
					for at < end {
						n := min(end, at+1+rng.IntN(30))
						r.feed(0, log[at:n]...)
						r.after(time.Duration(rng.IntN(8)) * time.Second)
						at = n
					}
					if owner == 3 {
						r.after(3 * time.Minute)
					}
					tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
					committed[tp] = r.commits.CommitOf(r.assignment.Partitions[tp])
				}
				for ns, list := range want {
					got := slices.Clone(stored[ns])
					slices.Sort(got)
					var all []string
					for _, o := range list {
						all = append(all, fmt.Sprint(o))
					}
					slices.Sort(all)
					if !slices.Equal(got, all) {
						t.Errorf("stored of %s: %v\nwant each once: %v", ns, got, all)
					}
				}
			})
		})
	}
}

// trouble answers each namespace in its own way.
func trouble(rng *rand.Rand, names []string) func(string) Outcome {
	answers := map[string]Outcome{}
	for _, n := range names {
		answers[n] = []Outcome{accepted, accepted, refusal, overloaded}[rng.IntN(4)]
	}
	return func(ns string) Outcome { return answers[ns] }
}
