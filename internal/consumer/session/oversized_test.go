package session

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// oversize lets the session take a batch that has no room.
func (r *sessionRig) oversize(partition int32, first, last int64, records int) {
	r.t.Helper()
	c := fetch.NewChunk(r.part(partition).Cursor, r.part(partition).Cursor.Epoch.Load())
	c.Start, c.Next = first, last+1
	c.Oversized = &fetch.Oversized{Last: last, Records: records, Timestamp: recordbatch.Time, Size: fetch.Size{Bytes: 70 << 20, Buffer: 280 << 20, Exact: true}}
	r.intake.take(c)
	r.settleDown()
}

// A batch without room is held as a range: what lies behind it is stored, the
// commit says so, and /status says what to do.
func TestSession_holdsALargeBatch(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 9)...)
		r.oversize(0, 10, 29, 15)
		r.feed(0, runOf("a", 30, 39)...)
		r.stored("a", append(offsets(0, 9), offsets(30, 39)...)...)
		r.watermark(0, 10)
		if want := (ledger.Frontier{Below: 40, Whole: []ledger.Span{{First: 10, Last: 29}}}); fmt.Sprint(r.frontier(0)) != fmt.Sprint(want) {
			r.t.Errorf("the commit says %+v, want %+v", r.frontier(0), want)
		}
		st := r.status()
		p := st.Partitions[0]
		const reason = "the Kafka batch at offsets 10 to 29 with 15 records has 70MiB; it takes BRIDGE_BUFFER_MAX_BYTES=280MiB"
		if p.State != "held" || p.PinnedBy == nil || p.PinnedBy.Kind != "held_record" || p.PinnedBy.Offset != 10 || p.PinnedBy.Reason != reason {
			r.t.Errorf("status %+v, pinned by %+v", p, p.PinnedBy)
		}
		if st.Gauges.PartitionsHeld != 1 || st.Partitions[1].State != "reading" {
			r.t.Errorf("%d partitions are held, the other one is %s", st.Gauges.PartitionsHeld, st.Partitions[1].State)
		}
		if n := testutil.ToFloat64(r.Metrics.Rejected.WithLabelValues("orders", "too_large")); n != 15 {
			r.t.Errorf("%v records are counted as too large", n)
		}
	})
}

// The next owner with a buffer that takes the batch imports it, and nothing else
// again; one with a buffer that does not holds it as before.
func TestSession_importsALargeBatchWithALargerBuffer(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	for _, enough := range []bool{true, false} {
		var commit kafka.CommitOffset
		inSession(t, func(r *sessionRig) {
			r.feed(0, runOf("a", 0, 9)...)
			r.oversize(0, 10, 29, 20)
			r.feed(0, runOf("a", 30, 39)...)
			commit = r.commits.CommitOf(r.part(0))
		})
		synctest.Test(t, func(t *testing.T) {
			r := newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{tp: commit})
			if enough {
				r.feed(0, runOf("a", 10, 29)...)
			} else {
				r.oversize(0, 10, 29, 20)
			}
			r.feed(0, runOf("a", 30, 49)...)
			if r.after(age); enough {
				r.stored("a", append(offsets(10, 29), offsets(40, 49)...)...)
				r.watermark(0, 50)
			} else {
				r.stored("a", offsets(40, 49)...)
				r.watermark(0, 10)
			}
		})
	}
}

// What an earlier owner with a larger buffer has finished is not held.
func TestSession_passesOverALargeBatchThatIsDone(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	frontier := func(except map[string]int64, whole ...ledger.Span) kafka.CommitOffset {
		p := ledger.New(5, ledger.Frontier{Below: 40, Except: except, Whole: whole})
		text, _ := p.Encode(ledger.Metadata{TopicID: ledger.Identity(ownTopic, "cluster"), Fingerprint: process.FingerprintOf(testConfig(t).Record)}, ledger.MaxMetadata)
		return kafka.CommitOffset{TopicPartition: tp, Offset: 5, LeaderEpoch: -1, Metadata: text}
	}
	for name, tc := range map[string]struct {
		commit kafka.CommitOffset
		want   int64
	}{
		"done":                             {frontier(map[string]int64{"a": 30}, ledger.Span{First: 5, Last: 5}), 5},
		"a namespace owes":                 {frontier(map[string]int64{"a": 29}), 10},
		"a record in it is owed":           {frontier(nil, ledger.Span{First: 29, Last: 29}), 10},
		"a record behind it is owed":       {frontier(nil, ledger.Span{First: 30, Last: 30}), 30},
		"it reaches beyond what was known": {frontier(nil, ledger.Span{First: 39, Last: 39}), 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{tp: tc.commit})
			first := r.part(0).Ledger.Position()
			if tc.want > 5 {
				r.feed(0, runOf("b", first, 9)...)
				first = 10
			} else {
				r.feed(0, recordbatch.Record{Offset: first, Value: []byte("poison")})
				first++
			}
			last := int64(29)
			if strings.Contains(name, "beyond") {
				last = 49
			}
			r.oversize(0, first, last, 20)
			r.after(age)
			if got := r.part(0).Ledger.Watermark(); got != tc.want {
				t.Errorf("%s: watermark %d, want %d", name, got, tc.want)
			}
		})
	}
}

func TestSession_leavesOutALargeBatchByName(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	for named, want := range map[int64]int64{29: 30, 28: 0} {
		inSession(t, func(r *sessionRig) {
			r.oversize(0, 0, 29, 20)
			r.watermark(0, want)
		}, func(c *process.Config) {
			c.SkipRecords = map[kafka.TopicPartition]ledger.Offsets{tp: {{First: 0, Last: named}, {First: 1000, Last: 1000}}}
		})
	}
}

// A namespace that was shed before the batch catches up past it.
func TestSession_catchesUpPastALargeBatch(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("a", refusal)
		r.feed(0, runOf("a", 0, 9)...)
		r.oversize(0, 10, 29, 20)
		r.feed(0, append(runOf("a", 30, 34), runOf("b", 35, 39)...)...)
		r.api.create = nil
		r.after(3 * time.Minute)
		r.stored("a", append(offsets(0, 9), offsets(30, 34)...)...)
		r.stored("b", offsets(35, 39)...)
		r.watermark(0, 10)
	})
}
