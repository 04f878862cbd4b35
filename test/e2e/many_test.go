package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/test/truth"
)

// A thousand namespaces that are behind at once, most of them refused for a
// while, lose nothing over a kill and a stop; what the commit's metadata has no
// room for is told by a gauge, since it alone may be repeated.
func TestThousandNamespaces_behindAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"], w.env["BRIDGE_SHUTDOWN_TIMEOUT"] = "5s", "2s"
	const namespaces, good = 1000, 10
	name := func(i int) string { return fmt.Sprintf("ns-%04d", i%namespaces) }
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Namespace: name(0), Status: http.StatusUnprocessableEntity})
	for i := good; i < namespaces; i++ {
		w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Namespace: name(i), Status: http.StatusServiceUnavailable})
	}
	const rounds = 6
	w.produce(load{records: rounds * namespaces, namespace: name})
	behind := rounds * (namespaces - good + 1)
	b := w.start()
	reached := func() bool { return w.truth.Missing() == behind }
	w.eventually("the others are stored", reached)
	w.eventually("a gauge tells what has no room", func() bool { return b.metric("frontier_omitted_namespaces") > 0 })
	b.kill()
	b = w.start()
	w.eventually("a successor is where it was", func() bool { return b.metric("records_consumed_total") > 0 && reached() })
	if code := b.terminate(); code != 1 {
		t.Errorf("exit code %d, want 1: most namespaces wait", code)
	}
	w.api.ClearFaults()
	b = w.start()
	w.settle(b)
	repeated := w.truth.Lines() - rounds*namespaces
	t.Logf("%d of %d lines were stored twice", repeated, rounds*namespaces)
	if most := 2 * rounds * (good - 1); repeated > most {
		t.Errorf("%d lines were stored twice, want at most %d: those of the namespaces that were done, once for each restart", repeated, most)
	}
	w.judge(truth.Repeated, truth.RepeatedAfterCrash)
}

// Namespaces that are refused for ever, with more records than memory holds,
// leave the others alone: these are stored, and after a restart not sent again.
func TestRefusedNamespaces_withFullBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_BUFFER_MAX_BYTES"] = "16MiB"
	const refused = 32
	for i := range refused {
		w.api.Inject(refuse(fmt.Sprintf("bad-%02d", i)))
	}
	const records = 20_000
	name := func(i int) string {
		if i%4 == 0 {
			return fmt.Sprintf("ns-%d", i/4%5)
		}
		return fmt.Sprintf("bad-%02d", i%refused)
	}
	bad := 0
	for i := range records {
		if i%4 != 0 {
			bad++
		}
	}
	client := w.client(kgo.ProducerBatchMaxBytes(1 << 20)) // a budget of 16 MiB takes none above 4
	w.produceWith(client, load{records: records, namespace: name, edit: func(_ int, r *kgo.Record, want *truth.Record) {
		r.Value = pad(r.Value, 2000)
		want.Line = r.Value
	}})
	client.Close()
	b := w.start()
	done := func() bool { return w.truth.Missing() == bad }
	w.eventually("the others are stored", done)
	if got := b.metric("buffered_bytes"); got > 16<<20 {
		t.Errorf("%v bytes are buffered, with a budget of 16 MiB", got)
	}
	b.stop()
	b = w.start()
	w.eventually("all are held again", func() bool { return b.metric("namespaces_held") >= 24 })
	w.api.ClearFaults()
	w.settle(b)
	w.judge()
}
