package e2e

import (
	"fmt"
	"testing"

	"kafka-import-bridge/test/truth"
)

// assigned waits until the bridges own so many partitions each.
func (w *world) assigned(partitions float64, bridges ...*bridge) {
	w.t.Helper()
	for _, b := range bridges {
		w.eventually(b.name+" has its partitions", func() bool { return b.metric("assigned_partitions") == partitions })
	}
}

// stored waits until at least so many lines are stored, so that a test acts in
// the middle of its load.
func (w *world) stored(lines int) {
	w.t.Helper()
	w.eventually("a part of the load is stored", func() bool { return w.truth.Lines() >= lines })
}

// Members come and go under load, and each rebalance hands over without a repeat.
func TestMembers_joinAndLeaveUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6)
	wait := w.produceMeanwhile(load{records: 30_000, perSecond: 2000, namespaces: 10})
	first := w.start()
	w.stored(1000)
	second := w.start()
	w.assigned(3, first, second)
	third := w.start()
	w.assigned(2, first, second, third)
	w.stored(w.truth.Lines() + 2000)
	second.stop()
	w.assigned(3, first, third)
	first.stop()
	w.assigned(6, third)
	wait()
	w.settle(third)
	w.judge()
}

func TestGracefulRestart_underLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	wait := w.produceMeanwhile(load{records: 16_000, perSecond: 2000, namespaces: 10})
	for range 4 {
		b := w.start()
		w.stored(w.truth.Lines() + 1500)
		b.stop()
	}
	wait()
	b := w.start()
	w.settle(b)
	w.judge()
}

// Nothing is lost over kills; what is repeated was in flight or stored moments
// before, which package truth decides for every line.
func TestKill_underLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"] = "4s" // a killed member blocks its group for so long
	wait := w.produceMeanwhile(load{records: 24_000, perSecond: 2000, namespaces: 10})
	for range 3 {
		b := w.start()
		w.stored(w.truth.Lines() + 1500)
		b.kill()
	}
	b := w.start()
	wait()
	w.settle(b)
	w.judge(truth.RepeatedAfterCrash)
}

// Three replicas that are restarted one after the other under load hand over
// without a repeat.
func TestRollingRestart_ofThreeReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6)
	wait := w.produceMeanwhile(load{records: 20_000, perSecond: 2000, namespaces: 10})
	var replicas []*bridge
	for i := range 3 {
		replicas = append(replicas, w.start(environment{"BRIDGE_INSTANCE_ID": fmt.Sprintf("replica-%d", i)}))
	}
	w.assigned(2, replicas...)
	for i := range replicas {
		w.stored(w.truth.Lines() + 500)
		replicas[i].stop()
		replicas[i] = w.start(environment{"BRIDGE_INSTANCE_ID": fmt.Sprintf("replica-%d", i)})
	}
	w.assigned(2, replicas...)
	wait()
	w.waitStored()
	w.waitCommitted(w.topic)
	for _, b := range replicas {
		b.stop()
	}
	w.judge()
}
