package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

const age = 10 * time.Second // of testConfig's batches

func TestSession_aRefusedNamespaceIsShedAndTheOthersGoOn(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", refusal)
		r.feed(0, recordbatch.InNS(0, "good"), recordbatch.InNS(1, "bad"), recordbatch.InNS(2, "good"), recordbatch.InNS(3, "bad"))
		r.after(age)
		r.stored("good", 0, 2)
		r.stored("bad")
		r.watermark(0, 1)
		if used := r.Pool.InUse(); used != 0 {
			t.Errorf("%d bytes are in memory, want none of a held namespace", used)
		}
		// Later lines of it do not enter memory, the others are stored.
		r.feed(0, append(runOf("bad", 4, 20), recordbatch.InNS(21, "good"))...)
		r.feed(1, recordbatch.InNS(0, "good"), recordbatch.InNS(1, "bad"))
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
		if n := st.Namespaces[0]; n.Name != "bad" || n.State != "held" || n.HoldReason != "create_422" || n.LastError == nil || n.NextAttemptAt == nil || n.LastRequestID == nil {
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
		r.after(r.Config.HoldProbeInterval)
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
		r.after(r.Config.HoldProbeInterval + 2*age)
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
		if n := r.lines.Lookup("bad"); n != nil {
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
				r.after(3*r.Config.HoldProbeInterval + age)
				if r.api.puts["bad"] == 0 {
					t.Fatal("no trial was made")
				}
				if used := r.Pool.InUse(); used != 0 {
					t.Errorf("%d bytes are in memory after a failed trial", used)
				}
				r.watermark(0, 0)
				r.stored("bad")
				r.api.put = nil
				r.after(2 * r.Config.HoldProbeInterval)
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
	r.memory.relieve(1<<40, time.Now())
	r.settleDown()
}

func TestSession_aRetryingNamespaceIsShedUnderPressure(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", overloaded)
		inTrouble(r, 25)
		if used := r.Pool.InUse(); used != 0 {
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

func TestSession_withoutAnySuccessOneGivesWayAtATime(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = func(string) Outcome { return overloaded }
		r.feed(0, append(runOf("a", 0, 19), runOf("b", 20, 29)...)...)
		r.after(age)
		if r.memory.relieve(1<<40, time.Now()) || r.lines.Lookup("a").State() != pace.Shed || r.lines.Lookup("b").State() != pace.Retrying {
			t.Errorf("a is %s and b is %s, want the larger one shed", r.lines.Lookup("a").State(), r.lines.Lookup("b").State())
		}
		r.Taste.Read(r.Config.BufferMaxBytes)
		if r.memory.relieve(1<<40, time.Now()); r.lines.Lookup("b").State() != pace.Retrying {
			t.Error("another one left memory although a buffer was read for nothing in this interval")
		}
		r.Taste.Read(1)
		time.Sleep(r.Config.HoldProbeInterval)
		if r.memory.relieve(1<<40, time.Now()); r.lines.Lookup("b").State() != pace.Shed {
			t.Error("no other one left memory in the next interval")
		}
		r.api.create = nil
		r.after(2*time.Minute + age)
		r.stored("a", offsets(0, 19)...)
		r.stored("b", offsets(20, 29)...)
		r.watermark(0, 30)
	})
}

// While the API refuses the key, or asks everybody to wait, nobody could store
// what would be read instead.
func TestSession_whereNobodyCanStoreNothingIsShed(t *testing.T) {
	for _, o := range []Outcome{
		{Class: Unauthorised, Status: 401, Delay: time.Minute, Err: errors.New("unauthorised")},
		{Class: Retry, Status: 429, Delay: time.Hour, RetryAfter: time.Hour, Throttled: true, Err: errors.New("too many requests")},
	} {
		t.Run(fmt.Sprint(o.Status), func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = func(string) Outcome { return o }
				r.feed(0, slices.Concat(runOf("a", 0, 9), runOf("b", 10, 19), runOf("c", 20, 29))...)
				r.after(age)
				if r.memory.relieve(1<<40, time.Now()) || r.Pool.InUse() == 0 {
					t.Error("lines left memory although nobody can store")
				}
			})
		})
	}
}

// TestSession_aBacklogLargerThanMemoryStopsNoOther: one namespace is alone at the
// front of the log with more than memory holds, and fails from the start.
func TestSession_aBacklogLargerThanMemoryStopsNoOther(t *testing.T) {
	for _, o := range []Outcome{
		overloaded,
		{Class: Retry, Status: 429, Delay: time.Hour, RetryAfter: time.Hour, Throttled: true, Err: errors.New("too many requests")},
	} {
		t.Run(fmt.Sprint(o.Status), func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = only("bad", o)
				const lines, each = 300, 2 << 10 // more than two buffers
				for at := int64(0); at < lines; at += 10 {
					r.feedSlowly(0, lengthened(runOf("bad", at, at+9), each)...)
				}
				r.feedSlowly(0, runOf("good", lines, lines+9)...)
				r.after(age)
				r.stored("good", offsets(lines, lines+9)...)
				r.watermark(0, 0)
				r.api.create = nil
				r.after(time.Hour + 2*time.Minute)
				r.stored("bad", offsets(0, lines-1)...)
				r.watermark(0, lines+10)
			}, func(c *process.Config) { c.BufferMaxBytes = 256 << 10 })
		})
	}
}

// What shut everybody out once says nothing of those behind a namespace that fails in
// another way since: they are read, and stored.
func TestSession_aFailureAfterARefusedKeyStopsNoOther(t *testing.T) {
	refused := Outcome{Class: Unauthorised, Status: 401, Delay: time.Second, Err: errors.New("unauthorised")}
	for name, tc := range map[string]struct{ first, then Outcome }{
		"401, then 404":         {refused, gone(time.Second)},
		"401, then 403":         {refused, Outcome{Class: Unauthorised, Status: 403, Delay: time.Second, Err: errors.New("forbidden")}},
		"401, then 503":         {refused, Outcome{Class: Retry, Status: 503, Delay: time.Second, Err: errors.New("unavailable")}},
		"401, then 422":         {refused, refusal},
		"404, then 503":         {gone(time.Second), Outcome{Class: Retry, Status: 503, Delay: time.Second, Err: errors.New("unavailable")}},
		"401, then no answer":   {refused, Outcome{Class: Retry, Delay: time.Second, Err: errors.New("connection reset")}},
		"404 alone for a while": {gone(time.Second), gone(time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				answer := tc.first
				r.api.create = func(ns string) Outcome {
					if ns == "bad" {
						return answer
					}
					return accepted
				}
				const lines, each = 300, 2 << 10 // more than two buffers
				for at := int64(0); at < lines; at += 10 {
					if at == 20 {
						r.after(age)
						answer = tc.then
					}
					r.feedSlowly(0, lengthened(runOf("bad", at, at+9), each)...)
				}
				r.feedSlowly(0, runOf("good", lines, lines+9)...)
				r.after(2 * time.Minute)
				r.stored("good", offsets(lines, lines+9)...)
			}, func(c *process.Config) { c.BufferMaxBytes = 256 << 10 })
		})
	}
}

// Several namespaces that the API does not know, or forbids, are alone at the front of
// the log with more than memory holds. Everything waits, as it may be the API, but
// for a taste of what follows: what can be stored is, and opens the gate.
func TestSession_severalRefusedAtTheFrontStopNoOther(t *testing.T) {
	for name, o := range map[string]Outcome{
		"404": gone(time.Second),
		"403": {Class: Unauthorised, Status: 403, Delay: time.Second, Err: errors.New("forbidden")},
	} {
		for _, bad := range []int{2, 3, 6} {
			t.Run(fmt.Sprintf("%s of %d", name, bad), func(t *testing.T) {
				inSession(t, func(r *sessionRig) {
					r.api.create = func(ns string) Outcome {
						if strings.HasPrefix(ns, "bad") {
							return o
						}
						return accepted
					}
					const lines, each = 300, 2 << 10 // more than two buffers
					for at := int64(0); at < lines; at += 10 {
						r.feedSlowly(0, lengthened(runOf(fmt.Sprint("bad", int(at/10)%bad), at, at+9), each)...)
					}
					r.feedSlowly(0, runOf("good", lines, lines+9)...)
					r.after(5 * time.Minute)
					r.stored("good", offsets(lines, lines+9)...)
				}, func(c *process.Config) { c.BufferMaxBytes = 256 << 10 })
			})
		}
	}
}

// feedSlowly feeds records once the session takes them.
func (r *sessionRig) feedSlowly(partition int32, records ...recordbatch.Record) {
	r.t.Helper()
	for range 600 {
		if r.memory.pending == nil {
			r.feed(partition, records...)
			return
		}
		r.after(time.Second)
	}
	r.t.Fatalf("nothing is read any more: %d bytes are free, %+v", r.Budget.Free(), r.status().Namespaces)
}

// lengthened makes the records' lines at least size bytes long.
func lengthened(records []recordbatch.Record, size int) []recordbatch.Record {
	for i := range records {
		v := records[i].Value
		records[i].Value = fmt.Appendf(nil, `%s,"pad":%q}`, v[:len(v)-1], strings.Repeat("x", size))
	}
	return records
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
		r.api.put, r.api.ask = maybeStored(r, &done, accepted), unanswered
		inTrouble(r, 25)
		n := r.lines.Lookup("bad")
		if len(n.Uploads) != 1 || !n.Uploads[0].Ambiguous() {
			t.Fatalf("%d uploads are in memory, want the one that may be stored", len(n.Uploads))
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
	}, func(c *process.Config) { c.OnRejected = record.DeadLetter })
}

func TestSession_linesThatComeDuringACatchUpReadKeepTheirOrder(t *testing.T) {
	for answers := range 5 { // of the catch-up reads, before the lines come
		t.Run(fmt.Sprint(answers), func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = only("bad", refusal)
				r.feed(0, append(runOf("bad", 0, 24), recordbatch.InNS(25, "good"))...)
				r.after(age)
				r.api.create, r.answers = nil, answers
				r.after(r.Config.HoldProbeInterval)
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
