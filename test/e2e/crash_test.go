package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/test/kafkatest"
	"kafka-import-bridge/test/truth"
)

// crashLines are the lines of the one batch that a crash point is about.
const crashLines = 200

// A bridge that is killed at any moment of a batch's life loses nothing, and
// repeats the batch only where it was stored and not committed. The moments are
// met from outside: by the API, the store and the committed offset.
func TestKill_atEachMomentOfABatch(t *testing.T) {
	for _, tc := range []struct {
		name string
		hold func(*barrier) hook // where the batch is kept; nil: nowhere
		env  environment
		// repeats is the most lines that may be stored twice.
		repeats int
	}{
		{"record buffered", nil, environment{"BRIDGE_BATCH_MAX_AGE": "5m"}, 0},
		{"batch closed", atCreate, nil, 0},
		{"URL received", beforeBody, nil, 0},
		{"PUT half sent", inBody, nil, 0},
		{"PUT stored", afterStoring, nil, crashLines},
		{"commit acknowledged", nil, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newCrashWorld(newWorld(t, 1))
			barrier := newBarrier(t)
			if tc.hold != nil {
				w.setHook(tc.hold(barrier))
			}
			b := w.start(tc.env)
			switch {
			case tc.hold != nil:
				w.await(barrier, "the batch is at its moment")
			case tc.env != nil:
				w.eventually("the records are buffered", func() bool { return b.metric("records_consumed_total") == crashLines })
			default:
				w.waitCommitted(w.topic)
			}
			b.kill()
			w.hook.Store(nil) // the successor passes; the kept request is left alone until the test ends
			w.recover(tc.repeats)
		})
	}
}

// The last moment: the commit is on the wire to a broker that does not answer.
// The broker applies it once it goes on, or not; either is correct.
func TestKill_whileTheCommitIsSent(t *testing.T) {
	t.Parallel()
	w := newCrashWorld(newWorldOn(t, kafkatest.New(t, kafkatest.Options{}), 1))
	asked := newBarrier(t)
	w.setHook(beforeBody(asked))
	b := w.start()
	w.await(asked, "the upload URL is received")
	w.kafka.Nodes[0].Freeze() // before the batch is stored: it may take a while
	asked.open()
	w.eventually("the import is known", func() bool { return b.says(`"imported"`) })
	<-time.After(200 * time.Millisecond) // a commit follows within 100 ms, which nobody can see on a frozen broker
	b.kill()
	w.kafka.Nodes[0].Thaw()
	w.recover(crashLines)
}

// newCrashWorld has one batch of one namespace to read.
func newCrashWorld(w *world) *world {
	w.t.Helper()
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"] = "5s" // a killed member blocks its group for so long
	w.produce(load{records: crashLines, namespace: func(int) string { return "ns" }})
	return w
}

// recover starts the successor of a killed bridge and counts.
func (w *world) recover(repeats int) {
	w.t.Helper()
	b := w.start()
	w.settle(b)
	if got := w.truth.Lines() - crashLines; got > repeats {
		w.t.Errorf("%d lines were stored twice, want at most %d", got, repeats)
	}
	w.judge(truth.RepeatedAfterCrash)
}

// says tells whether the bridge has logged a text.
func (b *bridge) says(text string) bool {
	return strings.Contains(b.logged(), text)
}

// wantSaid waits until the bridge has logged a text, which may be later than what the
// text is about.
func (b *bridge) wantSaid(text string) {
	b.w.t.Helper()
	b.w.eventually(fmt.Sprintf("the log says %q", text), func() bool { return b.says(text) })
}
