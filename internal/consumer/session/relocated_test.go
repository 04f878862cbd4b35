package session

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// resumed is a commit of partition 0 at offset 5, whose owner has read on to 40, and
// could not import the record at owed.
func resumed(t *testing.T, owed int64) map[kafka.TopicPartition]kafka.CommitOffset {
	t.Helper()
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	p := ledger.New(5, ledger.Frontier{Below: 40, Whole: []ledger.Span{{First: owed, Last: owed}}})
	text, _ := p.Encode(ledger.Metadata{TopicID: ledger.Identity(ownTopic, "cluster"), Fingerprint: process.FingerprintOf(testConfig(t).Record)}, ledger.MaxMetadata)
	return map[kafka.TopicPartition]kafka.CommitOffset{tp: {TopicPartition: tp, Offset: 5, LeaderEpoch: 7, Metadata: text}}
}

// A partition whose position the leader does not have goes on where the log allows, by
// what was done of it: offset 5 is owed, all else below 40 is done. Where somebody else
// has to decide, it is held, and where the log has the position after all the leader is
// asked again, as if nothing was known of its history, but not at once.
func TestSession_goesOnWhereTheLogAllows(t *testing.T) {
	type end struct {
		position, watermark int64
		reset               string // why reading starts elsewhere, "" if it is not told
		lost                float64
		again               bool // the leader is asked again
		free                bool // it is nothing to hold the partition for
	}
	for name, tc := range map[string]struct {
		owed  int64 // the offset that is
		read  int64 // how far this owner has read again
		fault fetch.Fault
		log   kafka.Range
		want  end
	}{
		"another log": {5, 40, fetch.Fault{Kind: fetch.FaultReplaced}, kafka.Range{Begin: 3, End: 100},
			end{position: 3, watermark: 3, reset: "recreated"}},
		"truncated below the position": {5, 40, fetch.Fault{Kind: fetch.FaultTruncated, Offset: 20}, kafka.Range{End: 20},
			end{position: 5, watermark: 5, reset: "beyond_end"}},
		"truncated below what an earlier owner has done": {5, 5, fetch.Fault{Kind: fetch.FaultTruncated, Offset: 20}, kafka.Range{End: 20},
			end{position: 5, watermark: 5, reset: "beyond_end"}},
		"truncated behind all that is done": {5, 40, fetch.Fault{Kind: fetch.FaultTruncated, Offset: 40}, kafka.Range{End: 40},
			end{position: 40, watermark: 5, again: true, free: true}},
		"the log ends at the position": {5, 40, fetch.Fault{Kind: fetch.FaultOutOfRange}, kafka.Range{End: 40},
			end{position: 40, watermark: 5, again: true, free: true}},
		"the log begins at the position": {5, 5, fetch.Fault{Kind: fetch.FaultOutOfRange}, kafka.Range{Begin: 5, End: 100},
			end{position: 5, watermark: 5, again: true, free: true}},
		"the log ends before the position": {5, 40, fetch.Fault{Kind: fetch.FaultOutOfRange}, kafka.Range{Begin: 2, End: 39},
			end{position: 2, watermark: 2, reset: "beyond_end"}},
		"the log ends before what an earlier owner has done": {5, 5, fetch.Fault{Kind: fetch.FaultOutOfRange}, kafka.Range{Begin: 2, End: 39},
			end{position: 2, watermark: 2, reset: "beyond_end"}},
		"truncated behind all that is done, by a leader that does not know its end yet": {5, 40, fetch.Fault{Kind: fetch.FaultTruncated, Offset: 40}, kafka.Range{End: 39},
			end{position: 40, watermark: 5, again: true, free: true}},
		"the log begins behind what was owed": {5, 5, fetch.Fault{Kind: fetch.FaultOutOfRange}, kafka.Range{Begin: 30, End: 100},
			end{position: 30, watermark: 30, reset: "below_log_start", lost: 1, free: true}},
		"the log begins below what is owed": {35, 5, fetch.Fault{Kind: fetch.FaultOutOfRange}, kafka.Range{Begin: 30, End: 100},
			end{position: 30, watermark: 30, free: true}},
		"the log begins behind all that is known": {5, 5, fetch.Fault{Kind: fetch.FaultOutOfRange}, kafka.Range{Begin: 50, End: 100},
			end{position: 50, watermark: 50, reset: "below_log_start", lost: 11}},
	} {
		for _, reset := range []ledger.OffsetReset{ledger.ResetEarliest, ledger.ResetHold} {
			t.Run(name+", "+reset.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newSessionRig(t, resumed(t, tc.owed), func(c *process.Config) { c.OffsetReset = reset })
					p := r.part(0)
					if p.Cursor.BatchEpoch != 7 || p.Cursor.Known != 40 {
						t.Fatalf("leader epoch %d, and the leader is to confirm %d, want 7 and 40", p.Cursor.BatchEpoch, p.Cursor.Known)
					}
					if tc.read > 5 {
						r.feed(0, poison(5, 5)...)
						r.feed(0, runOf("a", 6, tc.read-1)...)
					}
					epoch := p.Cursor.Epoch.Load()
					p.Dirty = false
					r.intake.relocated(p, &tc.fault, tc.log, time.Now())
					want := tc.want
					if held := reset == ledger.ResetHold && !want.free; p.IsHeld() != held {
						t.Fatalf("held: %t, want %t", !held, held)
					} else if held {
						if p.Ledger.Position() != tc.read || p.Cursor.BatchEpoch != 7 {
							t.Errorf("held at %d with leader epoch %d, want %d and 7", p.Ledger.Position(), p.Cursor.BatchEpoch, tc.read)
						}
						return
					}
					if p.Ledger.Position() != want.position || p.Ledger.Watermark() != want.watermark {
						t.Errorf("position %d, watermark %d, want %d and %d", p.Ledger.Position(), p.Ledger.Watermark(), want.position, want.watermark)
					}
					if p.Cursor.Offset != want.position || p.Cursor.Epoch.Load() == epoch || p.Cursor.BatchEpoch != -1 {
						t.Errorf("it is read from %d with leader epoch %d, want %d and -1", p.Cursor.Offset, p.Cursor.BatchEpoch, want.position)
					}
					known := int64(40)
					if want.reset == "recreated" || want.reset == "beyond_end" {
						known = tc.fault.Offset // all of what is left of the log that was read
					}
					if p.Cursor.Known != known {
						t.Errorf("what lies below %d is known without its epoch, want %d", p.Cursor.Known, known)
					}
					if again := p.Backoff > 0; again != want.again || p.Dirty == want.again {
						t.Errorf("the leader is asked again: %t, want %t; there is something to commit: %t", again, want.again, p.Dirty)
					}
					if p.Committed > max(want.position, want.watermark) {
						t.Errorf("%d counts as committed of a log that is read from %d", p.Committed, want.position)
					}
					resets := 0.0
					for _, why := range []string{"recreated", "beyond_end", "below_log_start"} {
						n := testutil.ToFloat64(r.Metrics.OffsetResets.WithLabelValues("orders", why))
						if resets += n; n > 0 && why != want.reset {
							t.Errorf("%v resets are told as %s, want %q", n, why, want.reset)
						}
					}
					if told := resets > 0; told != (want.reset != "") {
						t.Errorf("%v resets are told, want %q", resets, want.reset)
					}
					if lost := testutil.ToFloat64(r.Metrics.Lost.WithLabelValues("orders")); lost != want.lost {
						t.Errorf("%v records are lost, want %v", lost, want.lost)
					}
				})
			})
		}
	}
}

// A leader that says a position is out of range, though its log has it, is asked again
// and again, ever less often. Nothing is read twice for that, and nothing is held.
func TestSession_anOffsetThatIsInTheLogIsAskedForAgain(t *testing.T) {
	for _, reset := range []ledger.OffsetReset{ledger.ResetEarliest, ledger.ResetHold} {
		var refusing atomic.Bool
		var refused atomic.Int64
		runningSession(t, func(r *sessionRun) {
			r.Cluster.ControlKey(kmsg.Fetch.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
				r.Cluster.KeepControl()
				if !refusing.Load() || refused.Add(1) > 1000 {
					return nil, nil, false
				}
				return refusedFetch(q, kafka.CodeOffsetOutOfRange), nil, true
			})
		}, func(r *sessionRun) {
			time.Sleep(2 * age)
			refusing.Store(true)
			time.Sleep(2 * time.Minute)
			refusing.Store(false)
			if n := refused.Load(); n < 10 || n > 100 {
				t.Errorf("%v: it is asked for %d times in two minutes", reset, n)
			}
			r.Produce("orders", 0, kgo.NoCompression(), string(recordbatch.LineOf(4, "good")))
			time.Sleep(2 * age)
			r.end(true)
			r.offset(5)
			if got := r.api.lines("good"); !slices.Equal(got, []string{"0", "1", "4"}) {
				t.Errorf("%v: stored are %v", reset, got)
			}
		}, func(s *Session) { s.Config.OffsetReset = reset })
	}
}

// However often a partition is tried that waits for a schema, one goroutine awaits it.
func TestSession_aSchemaIsAwaitedOnce(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		p := r.part(0)
		await := func(ready chan struct{}) (goroutines int) {
			for range 100 {
				r.intake.faulted(p, &fetch.Fault{Kind: fetch.FaultSchema, Err: &decode.Waiting{Ready: ready}, Ready: ready}, time.Now())
			}
			synctest.Wait()
			return runtime.NumGoroutine()
		}
		before := runtime.NumGoroutine()
		one, other := make(chan struct{}), make(chan struct{})
		if got := await(one) - before; got > 1 {
			t.Errorf("%d goroutines await a schema, want 1", got)
		}
		if got := await(other) - before; got > 2 {
			t.Errorf("%d goroutines await two schemas, want 2", got)
		}
		epoch := p.Cursor.Epoch.Load()
		close(other)
		(<-r.queries)(time.Now())
		if p.Cursor.Epoch.Load() == epoch {
			t.Error("the partition is not read on when its schema is there")
		}
	})
}

// A partition that waits for a schema is tried again after a while although the registry
// has not been heard.
func TestSession_aSchemaIsNotAwaitedForEver(t *testing.T) {
	runningSession(t, func(*sessionRun) {}, func(r *sessionRun) {
		time.Sleep(2 * age)
		r.session.queries <- func(now time.Time) {
			p := r.session.assignment.Partitions[kafka.TopicPartition{Topic: "orders", Partition: 0}]
			never := make(chan struct{})
			r.session.intake.faulted(p, &fetch.Fault{Kind: fetch.FaultSchema, Err: &decode.Waiting{Ready: never}, Ready: never}, now)
		}
		r.Produce("orders", 0, kgo.NoCompression(), string(recordbatch.LineOf(4, "good")))
		time.Sleep(schemaPatience / 2)
		r.offsetNow(4)
		time.Sleep(schemaPatience)
		r.offsetNow(5)
		r.end(true)
	})
}
