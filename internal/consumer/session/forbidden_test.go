package session

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/test/recordbatch"
)

const refusesTheKey = "the import API refuses the credentials"

// forbid answers 403 to some namespaces, with a backoff that grows to 30 s, and
// accepts the others.
func forbid(forbidden func(ns string) bool) func(string) Outcome {
	var mu sync.Mutex
	fails := map[string]int{}
	return func(ns string) Outcome {
		if !forbidden(ns) {
			return accepted
		}
		mu.Lock()
		defer mu.Unlock()
		fails[ns]++
		return Outcome{Class: Unauthorised, Status: 403, Delay: min(30*time.Second, 500*time.Millisecond<<fails[ns]), Err: errors.New("status 403")}
	}
}

func bad(ns string) bool { return strings.HasPrefix(ns, "bad") }

// TestSession_forbiddenNamespacesStopNoOther feeds some namespaces that the key
// may write to and some that it may not. Between two feeds all but the forbidden
// ones are idle.
func TestSession_forbiddenNamespacesStopNoOther(t *testing.T) {
	for _, tc := range []struct {
		forbidden, good int
		every           time.Duration
	}{{1, 4, 5 * time.Second}, {1, 1, 20 * time.Second}, {1, 1, time.Minute}, {2, 4, 5 * time.Second}, {5, 2, 30 * time.Second}} {
		t.Run(fmt.Sprintf("%+v", tc), func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				log := r.listen()
				r.api.create = forbid(bad)
				next := int64(0)
				feed := func(kind string, n int) {
					for i := range n {
						r.feed(0, recordbatch.InNS(next, fmt.Sprint(kind, i)))
						next++
					}
				}
				feed("good", tc.good)
				r.after(age)
				feed("bad", tc.forbidden)
				r.after(age)
				feed("good", tc.good) // several at once may be taken for the key, until another one succeeds
				r.after(age + r.Config.MaxBackoff)
				settled := log.Len()
				for range 10 {
					feed("good", tc.good)
					r.after(max(age, tc.every))
					if r.Pacer.Shut(pace.Credentials) || r.metric("bridge_credentials_refused", "api") != 0 {
						t.Fatal("the credentials count as refused")
					}
					for i := range tc.good {
						if len(r.api.stored[fmt.Sprint("good", i)]) == 0 {
							t.Fatalf("good%d waits", i)
						}
					}
				}
				if strings.Contains(log.String()[settled:], refusesTheKey) || tc.forbidden == 1 && strings.Contains(log.String(), refusesTheKey) {
					t.Errorf("a false alarm:\n%s", log)
				}
				if got := strings.Count(log.String(), "the import API forbids a namespace"); got == 0 {
					t.Errorf("nobody learns of the forbidden namespaces:\n%s", log)
				}
				for i := range tc.forbidden {
					if got, most := r.api.creates[fmt.Sprint("bad", i)], 10+int(10*max(age, tc.every)/(30*time.Second)); got > most {
						t.Errorf("bad%d is tried %d times, want at most %d", i, got, most)
					}
				}
				r.api.create = nil
				r.after(time.Minute)
				for i := range tc.forbidden {
					if n := len(r.api.stored[fmt.Sprint("bad", i)]); n != 1 {
						t.Errorf("bad%d: %d stored after it is allowed, want 1", i, n)
					}
				}
			})
		})
	}
}

func TestSession_aForbiddenNamespaceRestsAsLongAsItWasTold(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", Outcome{Class: Unauthorised, Status: 403, Delay: 10 * time.Minute, RetryAfter: 10 * time.Minute, Err: errors.New("status 403")})
		r.feed(0, recordbatch.InNS(0, "bad"), recordbatch.InNS(1, "good"))
		r.after(age)
		r.stored("good", 1)
		var found bool
		for _, n := range r.status().Namespaces {
			if n.Name == "bad" {
				found = n.State == "retrying" && n.LastError != nil && n.NextAttemptAt != nil && n.NextAttemptAt.After(time.Now().Add(9*time.Minute))
			}
		}
		if !found {
			t.Errorf("status %+v, want bad retrying, with its error and its next attempt", r.status().Namespaces)
		}
		for i := range int64(8) {
			r.feed(0, recordbatch.InNS(2+i, "good"))
			r.after(time.Minute)
		}
		if got := r.api.creates["bad"]; got != 1 {
			t.Errorf("%d attempts within the time that the API asked for, want 1", got)
		}
		r.after(3 * time.Minute)
		if got := r.api.creates["bad"]; got != 2 {
			t.Errorf("%d attempts after it, want 2", got)
		}
	})
}

// TestSession_aKeyThatAnswers403Everywhere is told as such, waits together, and
// goes on once it is taken; also where there is one namespace only, and where one
// has been forbidden all along.
func TestSession_aKeyThatAnswers403Everywhere(t *testing.T) {
	for _, tc := range []struct {
		name string
		ns   []string
	}{{"several", []string{"a", "b", "c"}}, {"the only one", []string{"a"}}, {"one more forbidden already", []string{"bad", "a", "b"}}} {
		t.Run(tc.name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				log := r.listen()
				r.api.create = forbid(bad)
				feed := func(from int64) {
					for i, ns := range tc.ns {
						r.feed(0, recordbatch.InNS(from+int64(i), ns))
					}
				}
				feed(0)
				r.after(age)
				r.api.create = forbid(func(string) bool { return true })
				feed(10)
				r.after(3 * age)
				if !r.Pacer.Shut(pace.Credentials) || !strings.Contains(log.String(), refusesTheKey) || r.status().APIError == nil {
					t.Fatalf("refused: %t; log\n%s", r.Pacer.Shut(pace.Credentials), log)
				}
				calls := r.calls()
				r.after(10 * time.Minute)
				if got := r.calls() - calls; got > 10*2*len(tc.ns) {
					t.Errorf("%d calls in 10 minutes", got)
				}
				r.api.create = nil
				r.after(time.Minute)
				r.watermark(0, 10+int64(len(tc.ns)))
				if r.Pacer.Shut(pace.Credentials) || r.status().APIError != nil {
					t.Error("the credentials still count as refused")
				}
			})
		})
	}
}

// calls is how often the API was asked for a URL.
func (r *sessionRig) calls() (n int) {
	for _, c := range r.api.creates {
		n += c
	}
	return n
}

// TestSession_whileLinesOfAnotherGather the first namespace to be tried is not the
// only one.
func TestSession_whileLinesOfAnotherGather(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.listen()
		r.api.create = forbid(bad)
		r.feed(0, append([]recordbatch.Record{recordbatch.InNS(0, "good")}, runOf("bad", 1, 10)...)...) // a full batch
		if r.after(age); r.api.creates["bad"] == 0 || strings.Contains(log.String(), refusesTheKey) {
			t.Errorf("%d attempts; a false alarm:\n%s", r.api.creates["bad"], log)
		}
		r.stored("good", 0)
		r.api.create = nil
		r.after(time.Minute)
	})
}
