package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/test/truth"
)

// TestRecord_onKafka asks of each kind of record what became of it, with one command
// and within a minute.
func TestRecord_onKafka(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.receiptsTopic()
	w.deadLetterTopic()
	w.env["BRIDGE_ON_INVALID"], w.env["BRIDGE_ON_REJECTED"] = "dlq", "dlq"
	w.api.Inject(refuse("ns-bad"))
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationIngest, Namespace: "ns-failed", Verdict: sandbox.VerdictFailed})
	names := []string{"ns-good", "ns-bad", "ns-failed"}
	w.produce(load{
		records:   300,
		namespace: func(i int) string { return names[i%3] },
		edit: func(i int, r *kgo.Record, want *truth.Record) {
			switch {
			case i == 0:
				r.Value, want.Fate, want.Namespaces = []byte("no JSON"), truth.DeadLettered, nil
			case i == 3:
				r.Value, want.Fate, want.Namespaces = nil, truth.LeftOut, nil
			case i%3 == 1:
				want.Fate, want.Namespaces = truth.DeadLettered, nil
			}
		},
	})
	b := w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	w.eventually("every import has come to its end", func() bool { return b.imports().Followed == 0 })
	b.stop()
	for offset, want := range map[int64]string{
		0: ` dead_lettered `, 3: ` left_out `, 4: `ns-bad dead_lettered `, 6: `ns-good imported succeeded`, 8: `ns-failed imported failed`, 299: `ns-failed imported failed`,
	} {
		began := time.Now()
		out, code := w.command("record", "-json", fmt.Sprintf("%s/0@%d", w.topic, offset))
		var trail struct {
			Deliveries []struct {
				Namespace, State string
				Imports          []struct{ Status string }
			}
		}
		if err := json.Unmarshal([]byte(out), &trail); err != nil || len(trail.Deliveries) != 1 {
			t.Fatalf("bridge record ended with %d and printed %s: %v", code, out, err)
		}
		d := trail.Deliveries[0]
		got := d.Namespace + " " + d.State + " "
		if len(d.Imports) == 1 {
			got += d.Imports[0].Status
		}
		failed := offset == 8 || offset == 299
		if got != want || (code == 1) != failed || time.Since(began) > time.Minute {
			t.Errorf("of offset %d bridge record says %q after %s and ends with %d, want %q", offset, got, time.Since(began), code, want)
		}
		w.inspect("bridge record", out)
	}
	w.judge()
}
