package consumer

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func refusedToLetters(c *Config) { c.OnRejected = DeadLetter }

var errAway = errors.New("no leader")

// While the records of a refused batch wait for the dead-letter topic, the
// namespace's next batches are due by age as ever.
func TestSession_agePassesWhatWaitsForTheDeadLetterTopic(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(*letter) error { return errAway }
		r.api.put = exceptFrom(refusal, "0")
		r.feed(0, inNS(0, "a"))
		r.after(age + time.Second)
		r.feed(0, inNS(1, "a"))
		r.after(age + time.Second)
		r.stored("a", 1)
	}, refusedToLetters)
}

// They are not refused one by one for ever, each with its bookkeeping.
func TestSession_refusedBatchesThatWaitAreBounded(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(*letter) error { return errAway }
		r.api.put = func(*fakeImport) Outcome { return refusal }
		for o := range int64(3 * maxLettered) {
			r.feed(0, inNS(o, "a"))
			r.after(age + time.Second)
		}
		if got := r.api.puts["a"]; got > 2*maxLettered {
			t.Errorf("%d batches of a line each wait for the dead-letter topic", got)
		}
	}, refusedToLetters)
}

// A namespace that left memory when it was short, and is refused since: its
// records become dead letters as those of any other.
func TestSession_whatIsRefusedAfterItLeftMemoryBecomesDeadLetters(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", overloaded)
		r.feed(0, append(runOf("bad", 0, 14), runOf("good", 15, 24)...)...)
		r.after(time.Second)
		r.feed(1, runOf("good", 0, 9)...)
		r.relieve(1<<40, time.Now())
		r.api.create = only("bad", refusal)
		r.after(time.Minute)
		lettered(t, r.letters, 0, 14)
		r.watermark(0, 25)
	}, refusedToLetters)
}

// A refused batch whose partition cannot be read makes neither other dead letters
// nor the lines that left memory wait.
func TestSession_aCatchUpReadThatFailsLetsOthersPass(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.away = map[int32]bool{0: true}
		r.api.create = only("late", overloaded)
		r.api.put = func(i *fakeImport) Outcome {
			if strings.HasPrefix(i.namespace, "bad") {
				return refusal
			}
			return accepted
		}
		r.feed(0, runOf("bad-0", 0, 9)...)
		r.feed(1, runOf("late", 0, 9)...)
		r.after(time.Second)
		r.feed(1, runOf("good", 10, 19)...)
		r.relieve(1<<40, time.Now())
		r.feed(1, runOf("bad-1", 20, 29)...)
		r.api.create = nil
		r.after(time.Minute)
		lettered(t, r.letters, 20, 29)
		r.stored("late", offsets(0, 9)...)
		r.watermark(1, 30)
		r.away = nil
		r.after(time.Minute)
		r.watermark(0, 10)
	}, refusedToLetters)
}
