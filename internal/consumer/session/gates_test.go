package session

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/test/recordbatch"
)

// keyRefused is the answer to a key that the API does not take.
var keyRefused = Outcome{Class: Unauthorised, Status: 401, Delay: 5 * time.Second, Err: errors.New("status 401")}

// A 401 is about the key, for whichever namespace it came and whoever was accepted
// before: the others are not tried in turn to find that out.
func TestSession_one401IsAboutTheKey(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("good", 0, 9)...)
		r.api.create = only("bad", keyRefused)
		r.feed(0, runOf("bad", 10, 19)...)
		if !r.Pacer.Shut(pace.Credentials) || !r.Pacer.Hopeless() || r.metric("bridge_credentials_refused", "api") != 1 || r.status().APIError == nil {
			t.Errorf("the key counts as refused: %t, metric %v, API error %v", r.Pacer.Shut(pace.Credentials), r.metric("bridge_credentials_refused", "api"), r.status().APIError)
		}
		r.feed(1, runOf("good", 0, 9)...)
		if got := r.api.created("good"); got != 1 {
			t.Errorf("%d calls for another namespace with a key that is refused", got-1)
		}
		r.api.create = nil
		r.after(time.Minute)
		r.watermark(0, 20)
		r.watermark(1, 10)
	})
}

// An API that has given a URL takes the key, and knows the call, though the store fails
// then: neither is told as refused any more.
func TestSession_anUploadThatFailsShowsThatTheAPIAccepts(t *testing.T) {
	for name, refused := range map[string]Outcome{"the key": keyRefused, "the call": gone(5 * time.Second)} {
		t.Run(name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = func(string) Outcome { return refused }
				r.feed(0, runOf("a", 0, 9)...)
				if !r.Pacer.AnyShut() || r.status().APIError == nil {
					t.Fatal("nothing is told: the test shows nothing")
				}
				r.api.create, r.api.put = nil, func(*fakeImport) Outcome { return overloaded }
				r.after(10 * time.Second)
				if st := r.status(); r.api.puts["a"] == 0 || r.Pacer.AnyShut() || st.APIError != nil {
					t.Errorf("after %d uploads: shut %t, API error %v", r.api.puts["a"], r.Pacer.AnyShut(), st.APIError)
				}
				if key, call := r.metric("bridge_credentials_refused", "api"), r.metric("bridge_api_missing", ""); key+call != 0 {
					t.Errorf("the metrics say: credentials refused %v, API missing %v", key, call)
				}
			})
		})
	}
}

// manyMissing feeds one record each of many namespaces that the API does not know, and
// tells them to rest for a while.
func manyMissing(r *sessionRig, namespaces int64, rest time.Duration) {
	r.api.create = func(string) Outcome { return gone(rest) }
	for i := range namespaces {
		r.feed(0, recordbatch.InNS(i, fmt.Sprint("n", i)))
	}
	r.after(age)
	if !r.Pacer.Shut(pace.Place) {
		r.t.Fatal("the call does not count as missing: the test shows nothing")
	}
}

// However long one namespace is told to rest, the API is tried again for the others.
func TestSession_aMissingCallIsTriedAgainSoon(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		const namespaces = 20
		manyMissing(r, namespaces, 10*time.Minute)
		r.api.create = nil
		r.after(r.Config.MaxBackoff + 5*time.Second)
		stored := 0
		for i := range namespaces {
			stored += len(r.api.stored[fmt.Sprint("n", i)])
		}
		if stored < namespaces/2 {
			t.Errorf("%d of %d are stored soon after the call is there, want all but those that were told to rest", stored, namespaces)
		}
	})
}

// An answer about the key says nothing of the call: that nothing can be stored because
// of the call is in doubt then.
func TestSession_aForbiddenNamespaceLeavesDoubtAboutTheCall(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		manyMissing(r, 20, time.Second)
		r.after(time.Minute)
		if !r.Pacer.Hopeless() {
			t.Fatal("there is doubt already: the test shows nothing")
		}
		answered := false
		r.api.create = func(string) Outcome {
			answered = true
			return Outcome{Class: Unauthorised, Status: 403, Delay: time.Second, Err: errors.New("status 403")}
		}
		for !answered {
			r.after(time.Second)
		}
		if r.Pacer.Hopeless() || !r.Pacer.Shut(pace.Place) {
			t.Errorf("beyond doubt: %t; the call counts as missing: %t", r.Pacer.Hopeless(), r.Pacer.Shut(pace.Place))
		}
	})
}
