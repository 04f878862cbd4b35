package session

import (
	"cmp"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// TestSession_asksForTheNextURLWhileABatchUploads: uploads of a namespace follow
// each other without a create call between.
func TestSession_asksForTheNextURLWhileABatchUploads(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.takes, r.api.thinks = 10*time.Second, 2*time.Second
		r.feed(0, runOf("a", 0, 49)...)
		for _, step := range []struct {
			wait         time.Duration
			stored, urls int
		}{
			{0, 0, 1},
			{12 * time.Second, 10, 3}, // the second batch's and the third's: the namespace stores
			{12 * time.Second, 20, 4},
			{10 * time.Second, 30, 5}, // its URL was there
			{10 * time.Second, 40, 5},
			{10 * time.Second, 50, 5},
		} {
			r.after(step.wait)
			r.stored("a", offsets(0, int64(step.stored)-1)...)
			if got := r.api.created("a"); got != step.urls {
				t.Errorf("%d URLs asked for with %d lines stored, want %d", got, step.stored, step.urls)
			}
		}
		r.watermark(0, 50)
		if r.api.unused != 0 || r.Pacer.InFlight() != 0 {
			t.Errorf("%d URLs were not used, %d slots are taken", r.api.unused, r.Pacer.InFlight())
		}
	})
}

// TestSession_asksForTheNextURLOnce, however many batches are sealed behind it.
func TestSession_asksForTheNextURLOnce(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.takes = 10 * time.Second
		r.feed(0, runOf("a", 0, 19)...)
		r.after(11 * time.Second)
		for o := int64(20); o < 80; o += 10 {
			r.feed(0, runOf("a", o, o+9)...)
			r.after(time.Second)
			if got := r.api.created("a"); got != 3 {
				t.Errorf("%d URLs asked for, want three", got)
			}
		}
	})
}

// TestSession_aURLThatComesLate is awaited by its batch, and asked for once.
func TestSession_aURLThatComesLate(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.takes, r.api.thinks = 2*time.Second, 10*time.Second
		for o := int64(0); o < 60; o += 10 {
			r.feed(0, runOf("a", o, o+9)...)
			r.after(time.Second)
		}
		r.after(65 * time.Second)
		r.stored("a", offsets(0, 59)...)
		if got := r.api.created("a"); got != 6 {
			t.Errorf("%d URLs asked for, want six", got)
		}
	})
}

// TestSession_aURLThatIsOfNoUse is counted: the batch in front is refused, and the
// next one leaves memory with it.
func TestSession_aURLThatIsOfNoUse(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		refused := Outcome{Class: Refused, Status: 413, Err: errors.New("status 413")}
		r.api.takes, r.api.put = 5*time.Second, exceptFrom(refused, "10")
		r.feed(0, runOf("a", 0, 29)...)
		r.after(11 * time.Second)
		if got := r.api.created("a"); got != 3 || r.api.unused != 1 {
			t.Errorf("%d URLs asked for, %d count as unused; want three, and that of the third batch", got, r.api.unused)
		}
		r.api.put = nil
		r.after(3 * time.Minute)
		r.stored("a", offsets(0, 29)...)
	})
}

// TestSession_asksForNoURLInTrouble asks for none ahead, whenever the next batch is sealed.
func TestSession_asksForNoURLInTrouble(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.takes, r.api.put = 5*time.Second, exceptFrom(overloaded, "10")
		r.feed(0, runOf("a", 0, 19)...)
		r.after(11 * time.Second)
		r.feed(0, runOf("a", 20, 39)...)
		r.after(time.Minute)
		if got := r.api.created("a"); got != 2 {
			t.Errorf("%d URLs asked for, want those of the batch that is stored and of the one that fails", got)
		}
	})
}

// TestSession_asksForNoURLTooMany: not for a batch that is open, nor without a
// slot, nor for a namespace in trouble, nor for the one after the next.
func TestSession_asksForNoURLTooMany(t *testing.T) {
	for _, tc := range []struct {
		name    string
		records int64
		slots   int
		put     func(*fakeImport) Outcome
		want    int
	}{
		{"the first batch of a namespace", 0, 16, nil, 1},
		{"an open batch", 25, 16, nil, 2},
		{"the next", 30, 16, nil, 3},
		{"those behind it", 60, 16, nil, 3},
		{"no slot", 60, 1, nil, 2},
		{"trouble", 60, 16, exceptFrom(overloaded, "10"), 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.takes, r.api.put = 5*time.Second, tc.put
				r.feed(0, runOf("a", 0, cmp.Or(tc.records, 60)-1)...)
				r.after(4 * time.Second)
				if got := r.api.created("a"); got != 1 {
					t.Errorf("%d URLs asked for before anything is stored", got)
				}
				if tc.records > 0 {
					r.after(5 * time.Second)
				}
				if got := r.api.created("a"); got != tc.want {
					t.Errorf("%d URLs asked for, want %d", got, tc.want)
				}
				r.after(time.Minute)
				if tc.put != nil && r.api.created("a") != tc.want {
					t.Errorf("%d URLs asked for in trouble, want %d", r.api.created("a"), tc.want)
				}
			}, func(c *process.Config) { c.UploadConcurrency = tc.slots })
		})
	}
}

// TestSession_othersGoBeforeTheNextURL: a slot is first for a batch that may
// upload.
func TestSession_othersGoBeforeTheNextURL(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.takes = 5 * time.Second
		r.feed(0, runOf("a", 0, 39)...)
		r.after(4 * time.Second)
		r.feed(0, runOf("b", 40, 49)...) // takes the second slot
		r.after(2 * time.Second)
		if a, b := r.api.created("a"), r.api.created("b"); a != 2 || b != 1 {
			t.Errorf("%d URLs asked for a, %d for b", a, b)
		}
		r.after(30 * time.Second)
		r.stored("a", offsets(0, 39)...)
		r.stored("b", offsets(40, 49)...)
	}, func(c *process.Config) { c.UploadConcurrency = 2 })
}

// TestSession_aURLThatIsNotGivenAhead lets the namespace rest, or be held, and
// takes nothing from the batch that uploads. The order stays.
func TestSession_aURLThatIsNotGivenAhead(t *testing.T) {
	for _, tc := range []struct {
		name   string
		policy record.Policy
		answer Outcome // to the call for the next URL
		passes bool    // it is answered so once only
	}{
		{"throttled", record.Hold, Outcome{Class: Retry, Status: 429, Throttled: true, Delay: 20 * time.Second, RetryAfter: 20 * time.Second, Err: errors.New("status 429")}, true},
		{"unwell", record.Hold, Outcome{Class: Retry, Status: 503, Delay: time.Second, Err: errors.New("status 503")}, true},
		{"refused", record.Hold, Outcome{Class: Refused, Status: 422, Err: errors.New("status 422")}, false},
		{"refused, dlq", record.DeadLetter, Outcome{Class: Refused, Status: 422, Err: errors.New("status 422")}, true},
		{"missing", record.Hold, Outcome{Class: Missing, Status: 404, Delay: time.Second, Err: errors.New("status 404")}, false},
		{"the key", record.Hold, Outcome{Class: Unauthorised, Status: 401, Delay: time.Second, Err: errors.New("status 401")}, true},
		{"cancelled", record.Hold, Outcome{Class: Cancelled, Err: errors.New("lease")}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.Config.OnRejected = tc.policy
				var calls atomic.Int32
				var mended atomic.Bool
				r.api.create = func(string) Outcome {
					if n := calls.Add(1); n == 3 || n > 3 && !tc.passes && !mended.Load() {
						return tc.answer
					}
					return accepted
				}
				r.api.takes = 5 * time.Second
				r.feed(0, runOf("a", 0, 19)...)
				r.after(6 * time.Second)
				r.feed(0, runOf("a", 20, 49)...) // while the second batch uploads
				asked := time.Now()
				r.after(5 * time.Second)
				r.stored("a", offsets(0, 19)...)
				if tc.answer.RetryAfter > 0 {
					r.after(tc.answer.RetryAfter - 6*time.Second)
					if r.api.created("a") != 3 {
						t.Errorf("asked again after %s", time.Since(asked))
					}
				}
				r.after(10 * time.Second)
				if !tc.passes {
					r.stored("a", offsets(0, 19)...)
					mended.Store(true)
				}
				r.after(3 * time.Minute)
				var letters []int64
				for _, l := range r.letters.taken {
					letters = append(letters, l.Offset)
				}
				if tc.policy == record.DeadLetter {
					if fmt.Sprint(letters) != fmt.Sprint(offsets(20, 29)) {
						t.Errorf("dead letters %v", letters)
					}
					r.stored("a", append(offsets(0, 19), offsets(30, 49)...)...)
				} else {
					r.stored("a", offsets(0, 49)...)
				}
				r.watermark(0, 50)
			})
		})
	}
}

// TestSession_aDrainAwaitsTheNextURL and uses it.
func TestSession_aDrainAwaitsTheNextURL(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.takes, r.api.thinks = time.Second, 3*time.Second
		r.feed(0, runOf("a", 0, 29)...)
		r.after(4 * time.Second) // the first is stored, the second's and the third's URLs are asked for
		r.beginDrain(assignment.ForRebalance, time.Now())
		r.after(20 * time.Second)
		r.stored("a", offsets(0, 29)...)
		if r.api.created("a") != 3 || r.api.unused != 0 {
			t.Errorf("%d URLs asked for, %d unused", r.api.created("a"), r.api.unused)
		}
	})
}

// TestSession_veryManyFailingBatchesKeepFewURLs: while the store is away they would take
// memory that no budget counts.
func TestSession_veryManyFailingBatchesKeepFewURLs(t *testing.T) {
	const namespaces, most = 5000, 4096
	inSession(t, func(r *sessionRig) {
		r.api.put = func(*fakeImport) Outcome { return overloaded }
		for first := int64(0); first < namespaces; first += 1000 {
			var records []recordbatch.Record
			for o := first; o < first+1000; o++ {
				records = append(records, recordbatch.InNS(o, fmt.Sprint("ns-", o)))
			}
			r.feed(0, records...)
		}
		r.after(time.Minute)
		if got := r.api.urls; got > most {
			t.Errorf("%d URLs are kept, want %d at most", got, most)
		}
		r.api.put = nil
		r.after(time.Minute)
		if got := len(r.api.lines()); got != namespaces {
			t.Errorf("%d lines are stored, want %d", got, namespaces)
		}
		if r.api.urls != 0 {
			t.Errorf("%d URLs are kept at the end", r.api.urls)
		}
	}, func(c *process.Config) { c.BufferMaxBytes = 64 << 20 })
}
