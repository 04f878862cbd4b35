package e2e

import (
	"testing"
	"time"

	"kafka-import-bridge/test/kafkatest"
)

// A broker that is killed and comes back under load costs nothing: the group's
// member and its imports survive it.
func TestBroker_killedAndRestarted(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, kafkatest.New(t, kafkatest.Options{}), 3)
	node := w.kafka.Nodes[0]
	b := w.start()
	wait := w.produceMeanwhile(load{records: 12_000, perSecond: 2000})
	w.stored(2000)
	node.Kill()
	if err := w.kafka.Restart(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	wait()
	w.waitStored()
	w.waitCommitted(w.topic)
	w.eventually("it is ready again", b.ready)
	b.stop()
	w.judge()
}

// A broker that answers nothing for longer than the session timeout, and then
// goes on, costs nothing.
func TestBroker_frozen(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, kafkatest.New(t, kafkatest.Options{}), 3)
	node := w.kafka.Nodes[0]
	b := w.start()
	w.produce(load{records: 1000})
	w.waitStored()
	node.Freeze()
	frozen := time.After(20 * time.Second)
	w.eventually("it says that Kafka is away", func() bool { return !b.ready() })
	<-frozen
	if status, _ := b.get("/healthz"); status != 200 {
		t.Errorf("/healthz is %d while Kafka is away, want 200: a restart would not help", status)
	}
	if member := b.metric("group_member"); member != 0 {
		t.Errorf("bridge_group_member is %v while Kafka is away", member)
	}
	node.Thaw()
	w.eventually("it is ready again", b.ready)
	w.produce(load{records: 1000})
	w.settle(b)
	w.judge()
}

// SIGTERM ends the process in time also where the broker answers nothing. All
// was committed before, so nothing is left.
func TestTerminate_whileTheBrokerIsFrozen(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, kafkatest.New(t, kafkatest.Options{}), 1)
	w.env["BRIDGE_SHUTDOWN_TIMEOUT"] = "3s"
	b := w.start()
	w.produce(load{records: 200})
	w.waitStored()
	w.waitCommitted(w.topic)
	w.kafka.Nodes[0].Freeze()
	began := time.Now()
	if code := b.terminate(); code != 0 {
		t.Errorf("exit code %d, want 0: %s", code, b.tail())
	}
	took := time.Since(began)
	t.Logf("it took %s to end, with a shutdown timeout of 3s", took.Round(10*time.Millisecond))
	if grace := 3*time.Second + 15*time.Second; took > grace {
		t.Errorf("it took %s to end, longer than the grace of %s", took, grace)
	}
	w.kafka.Nodes[0].Thaw()
	w.judge()
}
