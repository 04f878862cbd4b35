package consumer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
)

const age = 10 * time.Second // of testConfig's batches

func TestSession_aRefusedNamespaceIsShedAndTheOthersGoOn(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", refusal)
		r.feed(0, inNS(0, "good"), inNS(1, "bad"), inNS(2, "good"), inNS(3, "bad"))
		r.after(age)
		r.stored("good", 0, 2)
		r.stored("bad")
		r.watermark(0, 1)
		if used := r.pool.InUse(); used != 0 {
			t.Errorf("%d bytes are in memory, want none of a held namespace", used)
		}
		// Later lines of it do not enter memory, the others are stored.
		r.feed(0, append(runOf("bad", 4, 20), inNS(21, "good"))...)
		r.feed(1, inNS(0, "good"), inNS(1, "bad"))
		r.after(age)
		r.stored("good", 0, 2, 21, 0)
		r.watermark(0, 1)
		r.watermark(1, 1)
		if want := (ledger.Frontier{Below: 22, Except: map[string]int64{"bad": 1}}); fmt.Sprint(r.frontier(0)) != fmt.Sprint(want) {
			t.Errorf("the commit says %+v, want %+v", r.frontier(0), want)
		}
		st := r.status()
		if p := st.Partitions[0]; p.State != "held" || p.PinnedBy == nil || p.PinnedBy.Kind != "held_namespace" || p.PinnedBy.Namespace != "bad" || p.PinnedBy.Offset != 1 {
			t.Errorf("status of the partition %+v, pinned by %+v", p, p.PinnedBy)
		}
		if n := st.Namespaces[0]; n.Name != "bad" || n.State != "held" || n.holdReason != "create_422" || n.LastError == nil || n.NextAttemptAt == nil || n.LastRequestID == nil {
			t.Errorf("status of the namespace %+v", n)
		}
	})
}

func TestSession_aSuccessfulProbeReadsOneBatchBack(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", refusal)
		r.feed(0, runOf("bad", 0, 34)...)
		r.feed(1, runOf("bad", 0, 4)...)
		r.after(age)
		probes := r.api.creates["bad"]
		r.after(r.cfg.HoldProbeInterval)
		if got := r.api.creates["bad"]; got != probes+1 {
			t.Errorf("%d probes in an interval, want 1", got-probes)
		}
		if r.jobs != 0 {
			t.Errorf("%d catch-up reads while the namespace is held", r.jobs)
		}
		r.api.create = nil
		answer := make(chan struct{})
		r.api.put = func(*fakeImport) Outcome {
			<-answer
			return accepted
		}
		r.after(r.cfg.HoldProbeInterval + 2*age)
		if r.api.puts["bad"] != 1 || r.jobs > 2 {
			t.Errorf("%d imports and %d catch-up reads in a trial, want one batch of 10 lines", r.api.puts["bad"], r.jobs)
		}
		close(answer)
		r.after(2 * age)
		st := r.api.stored["bad"]
		if len(st) != 40 {
			t.Fatalf("stored %v, want 40 lines", st)
		}
		r.watermark(0, 35)
		r.watermark(1, 5)
		if n := r.pacer.namespaces["bad"]; n != nil {
			t.Errorf("the namespace is remembered: %+v", n)
		}
		// What comes now takes the ordinary way, in order.
		r.feed(0, runOf("bad", 35, 36)...)
		r.after(age)
		if got := r.api.stored["bad"]; len(got) != 42 || got[41] != "36" {
			t.Errorf("stored %v", got)
		}
	})
}

func TestSession_aTrialThatFailsLeavesMemoryAgain(t *testing.T) {
	for _, o := range []Outcome{refusal, overloaded} {
		t.Run(fmt.Sprint(o.Status), func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = only("bad", refusal)
				r.feed(0, runOf("bad", 0, 24)...)
				r.after(age)
				r.api.create, r.api.put = nil, func(*fakeImport) Outcome { return o }
				r.after(3*r.cfg.HoldProbeInterval + age)
				if r.api.puts["bad"] == 0 {
					t.Fatal("no trial was made")
				}
				if used := r.pool.InUse(); used != 0 {
					t.Errorf("%d bytes are in memory after a failed trial", used)
				}
				r.watermark(0, 0)
				r.stored("bad")
				r.api.put = nil
				r.after(2 * r.cfg.HoldProbeInterval)
				r.stored("bad", offsets(0, 24)...)
				r.watermark(0, 25)
			})
		})
	}
}

// inTrouble makes the namespace bad fail for a while, another one succeed after
// it, and memory so short that bad is shed.
func inTrouble(r *sessionRig, lines int64) {
	r.feed(0, append(runOf("bad", 0, lines-1), runOf("good", lines, lines+9)...)...)
	r.after(2 * time.Second)
	r.feed(1, runOf("good", 0, 9)...)
	r.relieve(1<<40, time.Now())
	r.settleDown()
}

func TestSession_aRetryingNamespaceIsShedUnderPressure(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", overloaded)
		inTrouble(r, 25)
		if used := r.pool.InUse(); used != 0 {
			t.Errorf("%d bytes are in memory after shedding", used)
		}
		r.watermark(0, 0)
		r.api.create = nil
		r.after(2*time.Minute + age)
		r.stored("bad", offsets(0, 24)...)
		r.watermark(0, 35)
		r.watermark(1, 10)
	})
}

func TestSession_withoutAnySuccessNothingIsShed(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = func(string) Outcome { return overloaded }
		r.feed(0, runOf("a", 0, 19)...)
		if r.relieve(1, time.Now()) || r.pool.InUse() == 0 {
			t.Error("lines left memory although nothing can be stored")
		}
	})
}

// maybeStored stores the first PUT of bad, and tells nothing of it until done.
func maybeStored(r *sessionRig, done *bool, end Outcome) func(i *fakeImport) Outcome {
	return func(i *fakeImport) Outcome {
		if i.namespace != "bad" {
			return accepted
		}
		if !*done {
			i.ambiguous = true
			return Outcome{Class: Retry, Delay: 10 * time.Second, Err: errors.New("connection reset")}
		}
		i.ambiguous = false
		return end
	}
}

func TestSession_anAmbiguousUploadIsNotShed(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		done := false
		r.api.put = maybeStored(r, &done, accepted)
		inTrouble(r, 25)
		n := r.pacer.namespaces["bad"]
		if len(n.uploads) != 1 || !n.uploads[0].ambiguous() {
			t.Fatalf("%d uploads are in memory, want the one that may be stored", len(n.uploads))
		}
		done = true
		r.after(2*time.Minute + age)
		r.stored("bad", offsets(0, 24)...)
		r.watermark(0, 35)
	})
}

func TestSession_anAmbiguousUploadThatIsRefusedInTheEndLeavesTheRestToTheCatchUp(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		done := false
		r.api.put = func(i *fakeImport) Outcome {
			if i.namespace == "bad" && i.ids()[0] != "0" {
				return accepted
			}
			return maybeStored(r, &done, refusal)(i)
		}
		inTrouble(r, 25)
		done = true
		r.after(2*time.Minute + 2*age)
		if len(r.letters.taken) != 10 {
			t.Errorf("%d dead letters, want those of the refused batch", len(r.letters.taken))
		}
		r.stored("bad", offsets(10, 24)...)
		r.watermark(0, 35)
	}, func(c *Config) { c.OnRejected = DeadLetter })
}

func TestSession_lettersOfARefusedBatchAreAwaited(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.put = func(i *fakeImport) Outcome {
			if i.namespace == "bad" {
				return refusal
			}
			return accepted
		}
		full := 5
		r.letters.write = func(*letter) error {
			if full--; full < 0 {
				return errors.New("not enough replicas")
			}
			return nil
		}
		r.feed(0, inNS(0, "bad"), inNS(1, "good", "bad"), inNS(2, "good"), inNS(3, "bad"))
		r.feed(1, runOf("bad", 0, 5)...)
		r.after(age + 2*time.Second)
		r.stored("good", 1, 2)
		r.watermark(0, 0)
		if used := r.pool.InUse(); used != 0 {
			t.Errorf("%d bytes of a refused batch are in memory", used)
		}
		if len(r.letters.taken) != 5 {
			t.Fatalf("%d letters were taken, want 5", len(r.letters.taken))
		}
		if p := r.status().Partitions[0].PinnedBy; p == nil || p.Offset != 0 {
			t.Errorf("pinned by %+v", p)
		}
		full = 1000
		r.after(r.cfg.MaxBackoff)
		r.watermark(0, 4)
		r.watermark(1, 6)
		var got []string
		for _, l := range r.letters.taken {
			got = append(got, fmt.Sprintf("%d/%d %s %s %s", l.source.Partition, l.offset, l.reason, l.namespace, l.requestID))
			if want := r.logs[l.source][l.offset].value; string(l.value) != string(want) {
				t.Errorf("letter of %d holds %q, want the record %q", l.offset, l.value, want)
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
	}, func(c *Config) { c.OnRejected = DeadLetter })
}

func TestSession_aLetterThatIsTooLargeIsHeld(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(l *letter) error {
			if l.offset == 1 {
				return errLetterTooLarge
			}
			return nil
		}
		r.feed(0, testRecord{offset: 0, value: []byte("poison")}, testRecord{offset: 1, value: []byte("large poison")}, testRecord{offset: 2, value: []byte("poison")})
		r.after(age)
		r.watermark(0, 1)
		if want := (ledger.Frontier{Below: 3, Singles: []int64{1}}); fmt.Sprint(r.frontier(0)) != fmt.Sprint(want) {
			t.Errorf("the commit says %+v, want %+v", r.frontier(0), want)
		}
		if r.letter.bytes != 0 || r.letter.pending() != 0 {
			t.Errorf("%d letters of %d bytes are pending", r.letter.pending(), r.letter.bytes)
		}
		if p := r.status().Partitions[0]; p.State != "held" || p.PinnedBy.Kind != "held_record" {
			t.Errorf("status %+v, pinned by %+v", p, p.PinnedBy)
		}
	}, func(c *Config) { c.OnInvalid = DeadLetter })
}

func poison(first, last int64) (records []testRecord) {
	for o := first; o <= last; o++ {
		records = append(records, testRecord{offset: o, value: []byte("poison")})
	}
	return records
}

func TestSession_tooManyHeldRecordsPauseThePartition(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, poison(0, maxSingles-2)...)
		c := r.part(0).cursor
		if c.paused {
			t.Error("reading pauses too early")
		}
		epoch := c.epoch.Load()
		r.feed(0, poison(maxSingles-1, maxSingles-1)...)
		if !c.paused || c.epoch.Load() == epoch || c.offset != maxSingles {
			t.Errorf("paused %t, reads again from %d", c.paused, c.offset)
		}
		r.feed(1, runOf("good", 0, 9)...)
		r.stored("good", offsets(0, 9)...)
		if p := r.status().Partitions[0]; p.State != "held" || p.PinnedBy.Kind != "held_record" || p.PinnedBy.Offset != 0 {
			t.Errorf("status %+v, pinned by %+v", p, p.PinnedBy)
		}
		if f := r.frontier(0); len(f.Singles) != maxSingles || f.Below != maxSingles {
			t.Errorf("the commit names %d of %d held records, below %d", len(f.Singles), maxSingles, f.Below)
		}
	})
}

func TestSession_aPauseEndsWithTheDeadLetters(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		away := true
		r.letters.write = func(*letter) error {
			if away {
				return errors.New("no leader")
			}
			return nil
		}
		r.feed(0, poison(0, maxSingles-1)...)
		if !r.part(0).cursor.paused {
			t.Fatal("reading goes on")
		}
		away = false
		r.after(r.cfg.MaxBackoff)
		if r.part(0).cursor.paused {
			t.Error("reading is paused after the letters were taken")
		}
		r.watermark(0, maxSingles)
	}, func(c *Config) { c.OnInvalid = DeadLetter })
}

func TestSession_whatThePoliciesDoWithARecord(t *testing.T) {
	for _, tc := range []struct {
		name      string
		change    func(*Config)
		watermark int64
		letters   int
	}{
		{"hold both", func(*Config) {}, 1, 0},
		{"skip invalid ones, hold tombstones", func(c *Config) { c.OnInvalid = Skip }, 2, 0},
		{"dead-letter invalid ones, skip tombstones", func(c *Config) { c.OnInvalid, c.OnTombstone = DeadLetter, Skip }, 4, 1},
		{"dead-letter both", func(c *Config) { c.OnInvalid, c.OnTombstone = DeadLetter, DeadLetter }, 4, 2},
		{"an operator's list comes first", func(c *Config) {
			c.OnInvalid, c.OnTombstone = DeadLetter, DeadLetter
			c.SkipRecords = map[TopicPartition]map[int64]bool{{"orders", 0}: {1: true, 2: true}}
		}, 4, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.feed(0, inNS(0, "good"), testRecord{offset: 1, value: []byte("poison")}, testRecord{offset: 2}, inNS(3, "good"))
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

func TestSession_anExpiredLeaseCancelsAttempts(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		time.Sleep(r.cfg.SessionTimeout)
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
		r.fence(CodeIllegalGeneration, time.Now())
		if !r.over() {
			t.Error("the loop goes on")
		}
		time.Sleep(time.Minute)
		r.settleDown()
		r.stored("a")
		if r.api.creates["a"] != before {
			t.Error("an attempt begins after the fence")
		}
		if err := r.lease.check(); err == nil {
			t.Error("the lease holds after the fence")
		}
		r.lease.renew(time.Now().Add(time.Minute)) // a late answer to an earlier commit
	})
}

func TestSession_aFencedSessionSendsNoLetters(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(*letter) error { return errors.New("no leader") }
		r.feed(0, poison(0, 0)...)
		r.letters.write = nil
		r.fence(CodeUnknownMember, time.Now())
		time.Sleep(time.Minute)
		r.settleDown()
		if len(r.letters.taken) != 0 {
			t.Error("a letter is written after the fence")
		}
	}, func(c *Config) { c.OnInvalid = DeadLetter })
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

func TestSession_linesThatComeDuringACatchUpReadKeepTheirOrder(t *testing.T) {
	for answers := range 5 { // of the catch-up reads, before the lines come
		t.Run(fmt.Sprint(answers), func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = only("bad", refusal)
				r.feed(0, append(runOf("bad", 0, 24), inNS(25, "good"))...)
				r.after(age)
				r.api.create, r.answers = nil, answers
				r.after(r.cfg.HoldProbeInterval)
				r.feed(0, runOf("bad", 26, 30)...)
				r.after(age)
				r.answers = 100
				r.after(2 * age)
				r.stored("bad", append(offsets(0, 24), offsets(26, 30)...)...)
				r.watermark(0, 31)
			})
		})
	}
}

// TestSession_aReleasedRecordIsStoredAlone holds a record whose id is a number
// and hands over to an owner that takes numbers, and from there to another one.
func TestSession_aReleasedRecordIsStoredAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := runOf("a", 0, 9)
		log[3].value = []byte(`{"id":3,"n":"3","ns":["a"]}`)
		tp := TopicPartition{"orders", 0}
		stored := map[string][]string{}
		next := func(o CommitOffset, change ...func(*Config)) *sessionRig {
			r := newSessionRig(t, map[TopicPartition]CommitOffset{tp: o}, change...)
			r.api.stored = stored
			return r
		}
		r := next(CommitOffset{})
		r.feed(0, log...)
		r.after(age)
		r.watermark(0, 3)
		numbers := func(c *Config) { c.Record.IDNumbers = true }
		r = next(r.commitOf(r.part(0)), numbers)
		r.api.create = only("a", overloaded)
		r.feed(0, log[3:]...)
		r.after(age)
		r.watermark(0, 3)
		if want := (ledger.Frontier{Below: 10, Singles: []int64{3}}); fmt.Sprint(r.frontier(0)) != fmt.Sprint(want) {
			t.Errorf("the commit says %+v, want %+v", r.frontier(0), want)
		}
		r = next(r.commitOf(r.part(0)), numbers)
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
				var log []testRecord
				want := map[string][]int64{}
				for o := range int64(150) {
					if rng.IntN(20) == 0 {
						log = append(log, testRecord{offset: o, value: []byte("poison")})
						continue
					}
					ns := names[rng.IntN(4)]
					log = append(log, inNS(o, ns))
					want[ns] = append(want[ns], o)
				}
				stored := map[string][]string{}
				committed := map[TopicPartition]CommitOffset{}
				for owner := range 4 {
					r := newSessionRig(t, committed)
					r.api.stored = stored
					if owner < 3 {
						r.api.create = trouble(rng, names)
					}
					at, end := int(committed[TopicPartition{"orders", 0}].Offset), 150
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
					tp := TopicPartition{"orders", 0}
					committed[tp] = r.commitOf(r.partitions[tp])
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
