package session

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// gone is what the create call comes to where it does not exist.
func gone(delay time.Duration) Outcome {
	return Outcome{Class: Missing, Status: 404, Delay: delay, Err: errors.New("status 404")}
}

// TestSession_aMissingNamespaceIsHeldUnderEveryPolicy: the others go on, nothing
// becomes a dead letter, and a probe finds it once it is there.
func TestSession_aMissingNamespaceIsHeldUnderEveryPolicy(t *testing.T) {
	for _, policy := range []record.Policy{record.Hold, record.DeadLetter} {
		t.Run(string(policy), func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.Config.OnRejected = policy
				r.api.create = only("odd", gone(time.Second))
				r.feed(0, recordbatch.InNS(0, "good"), recordbatch.InNS(1, "odd"), recordbatch.InNS(2, "good"))
				r.after(age)
				r.feed(0, recordbatch.InNS(3, "odd"), recordbatch.InNS(4, "good"))
				r.after(age)
				r.stored("good", 0, 2, 4)
				if len(r.letters.taken) != 0 || r.metric("bridge_api_missing", "") != 0 {
					t.Errorf("%d dead letters, api_missing %v", len(r.letters.taken), r.metric("bridge_api_missing", ""))
				}
				if st := r.status(); st.APIError != nil || st.Gauges.NamespacesHeld != 1 {
					t.Errorf("API error %v, %d held, want one namespace", st.APIError, st.Gauges.NamespacesHeld)
				}
				if rejected := testutil.ToFloat64(r.Metrics.Rejected.WithLabelValues("orders", "refused")); rejected != 0 {
					t.Errorf("%v lines count as refused", rejected)
				}
				r.api.create = nil
				r.after(r.Config.HoldProbeInterval + age)
				r.stored("odd", 1, 3)
				if st := r.status(); st.Gauges.NamespacesHeld != 0 {
					t.Errorf("still held: %+v", st.Namespaces)
				}
			})
		})
	}
}

// TestSession_anAPIThatKnowsNoNamespaceRestsEverybody: nothing leaves memory but
// what the first two had, one at a time tries, and it is said.
func TestSession_anAPIThatKnowsNoNamespaceRestsEverybody(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.listen()
		r.api.create = func(string) Outcome { return gone(10 * time.Second) }
		for i := range int64(20) {
			r.feed(0, recordbatch.InNS(i, fmt.Sprint("ns", i)))
		}
		r.after(age)
		tries := func() (n int) {
			for i := range 20 {
				n += r.api.created(fmt.Sprint("ns", i))
			}
			return n
		}
		before := tries()
		st := r.status()
		if st.APIError == nil || !strings.Contains(*st.APIError, "BRIDGE_IMPORT_PATH") || r.metric("bridge_api_missing", "") != 1 {
			t.Errorf("API error %v, api_missing %v", st.APIError, r.metric("bridge_api_missing", ""))
		}
		r.after(time.Minute)
		if n := tries() - before; n < 3 || n > 9 {
			t.Errorf("%d tries in a minute, want one in about ten seconds", n)
		}
		if held := r.status().Gauges.NamespacesHeld; held > r.Config.UploadConcurrency {
			t.Errorf("%d namespaces held", held)
		}
		r.api.create = nil
		r.after(2 * r.Config.HoldProbeInterval)
		if st := r.status(); st.APIError != nil || r.metric("bridge_api_missing", "") != 0 {
			t.Errorf("API error %v, api_missing %v after it is back", st.APIError, r.metric("bridge_api_missing", ""))
		}
		for _, text := range []string{"does not know the call; nothing is lost", "the import API knows the call again"} {
			if n := strings.Count(log.String(), text); n != 1 {
				t.Errorf("%q is logged %d times:\n%s", text, n, log)
			}
		}
	})
}
