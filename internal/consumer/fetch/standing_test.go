package fetch

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// TestFetcher_aLeaderThatDoesNotAnswer: since when is known, and why, until it does.
func TestFetcher_aLeaderThatDoesNotAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(*kmsg.FetchResponseTopicPartition)
		silent bool
		want   error
	}{
		"silence":          {silent: true},
		"not the leader":   {answer: func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = int16(kafka.CodeNotLeader) }, want: kafka.CodeNotLeader},
		"an older leader":  {answer: func(p *kmsg.FetchResponseTopicPartition) { p.ErrorCode = int16(kafka.CodeFencedLeaderEpoch) }, want: kafka.CodeFencedLeaderEpoch},
		"nothing is wrong": {answer: func(*kmsg.FetchResponseTopicPartition) {}},
	} {
		t.Run(name, func(t *testing.T) {
			inReadRig(t, func(r *readRig) {
				began := time.Now()
				heal := began.Add(time.Minute)
				var asleep atomic.Int64
				r.answer(func(partition int32, offset int64) *kmsg.FetchResponseTopicPartition {
					p := holds(nil)
					switch {
					case offset == 1:
					case time.Now().After(heal):
						p = holds(recordbatch.Batch{Records: []recordbatch.Record{recordbatch.InNS(0, "a")}}.Encode())
					case tc.silent:
						// One after the other: the cluster in memory must not be woken by two at once.
						until := heal.Add(time.Duration(asleep.Add(1)) * time.Millisecond)
						r.Cluster.SleepControl(func() { time.Sleep(time.Until(until)) })
					default:
						tc.answer(p)
					}
					return p
				})
				check := func() {
					s := r.fetcher.Standing(r.cursors[0])
					bad := tc.silent || tc.want != nil
					if bad != (s.Err != nil) || bad != !s.Unanswered.IsZero() || tc.want != nil && !errors.Is(s.Err, tc.want) {
						t.Errorf("after %s: %+v", time.Since(began), s)
					}
					if bad && s.Unanswered.Sub(began) > time.Second {
						t.Errorf("after %s it is said to be silent since %s", time.Since(began), s.Unanswered.Sub(began))
					}
				}
				time.AfterFunc(20*time.Second, check)
				time.AfterFunc(50*time.Second, check)
				r.read(1, 1)
				if s := r.fetcher.Standing(r.cursors[0]); s.Err != nil || !s.Unanswered.IsZero() {
					t.Errorf("it has answered: %+v", s)
				}
			})
		})
	}
}

// TestFetcher_aQuotaThatThrottles: a leader that says so is left alone as long as it
// says; another one is not.
func TestFetcher_aQuotaThatThrottles(t *testing.T) {
	inReadRig(t, func(r *readRig) {
		var mu sync.Mutex // the lanes and the cluster write
		var told []time.Duration
		r.fetcher.cfg.Throttled = func(_ int32, d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, d)
		}
		began, asked := time.Now(), []time.Duration{}
		r.answerAll(func(a *kmsg.FetchResponse) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, time.Since(began).Round(time.Second))
			if len(asked) < 3 {
				a.ThrottleMillis = 12_000
			}
		}, func(_ int32, offset int64) *kmsg.FetchResponseTopicPartition {
			mu.Lock()
			defer mu.Unlock()
			if len(asked) < 3 || offset == 1 {
				return holds(nil)
			}
			return holds(recordbatch.Batch{Records: []recordbatch.Record{recordbatch.InNS(0, "a")}}.Encode())
		})
		time.AfterFunc(5*time.Second, func() {
			if s := r.fetcher.Standing(r.cursors[0]); s.Throttled.Sub(began).Round(time.Second) != 12*time.Second || s.Err != nil {
				t.Errorf("%+v", s)
			}
		})
		r.read(1, 1)
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 2 || told[0] != 12*time.Second {
			t.Errorf("told of %v", told)
		}
		for _, at := range asked {
			if at%(12*time.Second) != 0 || at > 30*time.Second {
				t.Errorf("asked at %v", asked)
			}
		}
	})
}

// TestFetcher_emptySinceTheReset: an answer that was asked for before a partition was
// reset says nothing about where it is read from now.
func TestFetcher_emptySinceTheReset(t *testing.T) {
	inReadRig(t, func(r *readRig) {
		began, reset := time.Now(), false
		standing := func(want bool) {
			t.Helper()
			if got := r.fetcher.Standing(r.cursors[0]).Empty; got != want {
				t.Errorf("after %s it is said that the log is empty here: %t, want %t", time.Since(began), got, want)
			}
		}
		r.answer(func(partition int32, offset int64) *kmsg.FetchResponseTopicPartition {
			switch at := time.Since(began); {
			case offset == 1:
			case partition == 1, at > time.Minute:
				return holds(recordbatch.Batch{Records: []recordbatch.Record{recordbatch.InNS(0, "a")}}.Encode())
			case at > 10*time.Second && !reset:
				reset = true
				standing(true)
				r.fetcher.Reset(r.cursors[0], 0, began.Add(30*time.Second))
			}
			return holds(nil)
		})
		time.AfterFunc(20*time.Second, func() { standing(false) })
		time.AfterFunc(40*time.Second, func() { standing(true) })
		r.read(1, 1)
	})
}
