package session

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// A dead letter of a bridge, read again, is held if it is invalid or refused: two
// bridges that read each other's dead-letter topics would multiply it for ever.
func TestSession_aDeadLetterIsNotDeadLetteredAgain(t *testing.T) {
	headers := []kafka.Header{{Name: "bridge.reason", Value: []byte("not_json")}, {Name: "bridge.source.topic", Value: []byte("orders")}}
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", refusal)
		invalid, refused := recordbatch.Record{Offset: 0, Value: []byte("poison"), Headers: headers}, recordbatch.InNS(1, "bad")
		refused.Headers = headers
		r.feed(0, invalid, refused, recordbatch.InNS(2, "good"), recordbatch.Record{Offset: 3, Value: []byte("poison")})
		r.after(2 * age)
		if len(r.letters.taken) != 1 || r.letters.taken[0].Offset != 3 {
			t.Errorf("%d dead letters, want that of offset 3 alone", len(r.letters.taken))
		}
		r.stored("good", 2)
		r.watermark(0, 0)
		if got := r.part(0).Ledger.Held(); got != 2 {
			t.Errorf("%d records are held, want 2", got)
		}
	}, func(c *process.Config) { c.OnInvalid, c.OnRejected = record.DeadLetter, record.DeadLetter })
}

// The receipts of another bridge, however many and whatever the policies are, are left
// out: they are counted and logged once, and hold nothing. A record among them that is
// no receipt is imported.
func TestSession_receiptsOfABridgeAreNeverImported(t *testing.T) {
	headers := []kafka.Header{{Name: receipt.Header, Value: []byte("1")}}
	const receipts = 3 * assignment.MaxSingles
	for _, policy := range []record.Policy{record.Hold, record.DeadLetter, record.Skip} {
		inSession(t, func(r *sessionRig) {
			log := r.logged()
			for o := int64(0); o < receipts; o += 100 {
				var some []recordbatch.Record
				for i := range int64(100) {
					some = append(some, recordbatch.Record{Offset: o + i, Value: recordbatch.LineOf(o+i, "a"), Headers: headers})
				}
				r.feed(0, some...)
			}
			r.feed(0, recordbatch.InNS(receipts, "good"))
			r.after(2 * age)
			r.stored("good", receipts)
			r.watermark(0, receipts+1)
			if got := testutil.ToFloat64(r.Metrics.Skipped.WithLabelValues("orders", "receipt")); got != receipts {
				t.Errorf("%v receipts are counted, want %d", got, receipts)
			}
			if n := strings.Count(log.String(), "a receipt of a bridge is never imported"); n != 1 {
				t.Errorf("it is logged %d times:\n%s", n, log)
			}
			if len(r.letters.taken) != 0 || len(r.api.stored["a"]) != 0 || r.part(0).Ledger.Held() != 0 {
				t.Errorf("%d dead letters, %d imports, %d held", len(r.letters.taken), len(r.api.stored["a"]), r.part(0).Ledger.Held())
			}
		}, func(c *process.Config) { c.OnInvalid, c.OnTombstone = policy, policy })
	}
}
