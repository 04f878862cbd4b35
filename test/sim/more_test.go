package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/sandbox"
)

// more is what a run may have besides its faults.
type more struct {
	oddTimes  bool          // records of times that no clock shows
	wide      int           // so many namespaces have one record in twenty, 0: none has
	many      int           // records are spread over so many namespaces, 0: over those of their recipe
	oddLetter bool          // the dead-letter topic may have refused single letters
	urlLife   time.Duration // as in settings
}

// drawMore adds what was thought of later. It has a source of its own, so that the rest of
// the schedules stays what it is.
func (s *schedule) drawMore(rnd *rand.Rand) {
	s.oddTimes = rnd.IntN(3) == 0 && !s.settings.reset.Skips()
	s.wide = pick(rnd, 0, 0, 0, 0, 0, 0, 12, 40)
	s.many = pick(rnd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200)
	if s.settings.receiptTakes > time.Second {
		s.wide, s.many = 0, 0 // so many imports would wait for each other's receipts
	}
	s.urlLife = pick(rnd, 0, 0, 0, 5*time.Second)
	faults := []fault{s.apiPuzzling}
	if s.settings.fetchesByID() {
		faults = append(faults, s.goneTopic)
	}
	if !s.graceful {
		faults = append(faults, s.apiKept, s.apiKept, s.denied, s.denied, s.badLetter)
	}
	for range rnd.IntN(4) {
		pick(rnd, faults...)(rnd, time.Duration(rnd.Int64N(int64(s.length))))
	}
}

// oddTime is when a record says that it was written, zero for now. It is never so long ago
// that kfake removes the record.
func (w *world) oddTime(rnd *rand.Rand) time.Time {
	if !w.oddTimes || rnd.IntN(3) > 0 {
		return time.Time{}
	}
	return epoch.Add(pick(rnd, -24*time.Hour, 24*time.Hour, 200*365*24*time.Hour))
}

// further returns other namespaces for some records, nil for most.
func (w *world) further(rnd *rand.Rand) []string {
	switch {
	case w.wide > 0 && rnd.IntN(20) == 0:
		return named("n", w.wide, 1)
	case w.many > 0 && rnd.IntN(2) == 0:
		return []string{fmt.Sprintf("n%d", rnd.IntN(w.many))}
	}
	return nil
}

// apiKept draws a store that answers an error although it has taken the body.
func (s *schedule) apiKept(rnd *rand.Rand, at time.Duration) {
	s.api(rnd, at, sandbox.Fault{Operation: sandbox.OperationUpload, Kept: true, Status: pick(rnd, 500, 502, 504)})
}

// apiPuzzling draws an API that answers late, or not as documented, when it is asked what
// became of an upload.
func (s *schedule) apiPuzzling(rnd *rand.Rand, at time.Duration) {
	ask := sandbox.OperationStatus
	s.api(rnd, at, pick(rnd,
		sandbox.Fault{Operation: ask, Delay: 12 * time.Second},
		sandbox.Fault{Operation: ask, Garbage: true},
		sandbox.Fault{Operation: ask, Drip: true},
		sandbox.Fault{Operation: ask, Endless: true},
		sandbox.Fault{Operation: ask, Body: `{"status":"unheard-of"}`},
		sandbox.Fault{Operation: ask, Redirect: "http://127.0.0.1/elsewhere"},
	))
}

// denied draws a topic that may not be read or committed for a while. Its metadata may be
// asked for: who produces to it is not denied.
func (s *schedule) denied(rnd *rand.Rand, at time.Duration) {
	topic, span := pick(rnd, s.settings.topics...), pick(rnd, 5*time.Second, 20*time.Second, time.Minute)
	keys := pick(rnd, []kmsg.Key{kmsg.OffsetCommit}, []kmsg.Key{kmsg.Fetch, kmsg.OffsetCommit},
		[]kmsg.Key{kmsg.ListOffsets, kmsg.OffsetFetch, kmsg.Fetch, kmsg.OffsetCommit})
	s.touching(at, span, deniedRest, ofTopic(topic), fmt.Sprintf("requests %v of %s are denied for %s", keys, topic, span), func(w *world) {
		h := w.cluster.Fault(kfakeFault{Keys: keys, Topic: topic, Err: kerr.TopicAuthorizationFailed, Count: -1})
		w.commitsRefused.Add(1)
		time.AfterFunc(span, func() {
			h.Remove()
			w.commitsRefused.Add(-1)
		})
	})
	s.excuse(at, span+deniedRest, "commits are denied")
}

// goneTopic draws a topic of its own that is deleted for good while it is read.
func (s *schedule) goneTopic(rnd *rand.Rand, at time.Duration) {
	const topic = "gone"
	if slices.Contains(s.settings.topics, topic) {
		return
	}
	s.settings.topics = append(s.settings.topics, topic)
	seed, wait := rnd.Uint64(), pick(rnd, 0, time.Second, 10*time.Second)
	s.add(at, "records to a topic that is to be deleted", func(w *world) {
		w.produce(recipe{topic: topic, count: 20, namespaces: 3, size: 50, codec: "none"}, rand.New(rand.NewPCG(seed, 2)))
	})
	s.touching(at+wait, 0, s.settings.refresh+partitionRest, ofTopic(topic), topic+" is deleted", func(w *world) {
		w.truth.recreate(topic)
		if err := w.cluster.DeleteTopic(topic); err != nil {
			w.truth.blame("delete topic: %v", err)
		}
	})
}

// badLetter lets the dead-letter topic refuse single letters as too large for a while: those
// are held until a restart.
func (s *schedule) badLetter(rnd *rand.Rand, at time.Duration) {
	span := s.span(rnd)
	s.oddLetter = true
	s.touching(at, 24*time.Hour, 0, allLetters, fmt.Sprintf("one dead letter in three is too large for %s", span), func(w *world) {
		w.badLetters.Add(1)
		time.AfterFunc(span, func() { w.badLetters.Add(-1) })
	})
}
