package e2e

import (
	"net/http"
	"testing"
	"time"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/test/truth"
)

// A member that joins while a PUT runs waits for it: nothing is repeated.
func TestRebalance_whileAPutRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	first, barrier := w.startKept(inBody, 400)
	second := w.launch()
	w.drainBegins(first)
	barrier.open()
	w.assigned(2, first, second)
	w.produce(load{records: 400})
	w.settle(first, second)
	w.judge()
}

// A drain may last longer than the session timeout: the member is kept alive
// by its commits, and what it drains is not read by anybody else.
func TestDrain_longerThanTheSessionTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"] = "5s"
	first, barrier := w.startKept(inBody, 200)
	second := w.launch()
	generations := w.drainBegins(first)
	<-time.After(11 * time.Second) // more than two session timeouts
	if got := first.metric("commits_total", `result="fenced"`); got != 0 {
		t.Errorf("%v commits were fenced: the member was put out of the group while it drained", got)
	}
	barrier.open()
	w.assigned(1, first, second)
	w.waitStored()
	w.waitCommitted(w.topic)
	if got := first.metric("rebalances_total"); got != generations+1 {
		t.Errorf("the first member was in %v generations, want %v: one before and one after the drain", got, generations+1)
	}
	first.stop()
	second.stop()
	w.judge()
}

// drainBegins waits until a bridge has stopped reading for a rebalance, and
// returns how many generations it has seen.
func (w *world) drainBegins(b *bridge) float64 {
	w.t.Helper()
	w.eventually(b.name+" drains", func() bool { return b.status().State == "draining" })
	return b.metric("rebalances_total")
}

// A drain that the rebalance timeout cuts short is given up: the PUT is
// cancelled, its lines stay uncommitted and the next owner sends them.
func TestDrain_longerThanTheRebalanceTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"], w.env["BRIDGE_KAFKA_REBALANCE_TIMEOUT"] = "5s", "8s"
	first, barrier := w.startKept(inBody, 200)
	second := w.launch()
	w.drainBegins(first)
	w.eventually("it tells what it has given up", func() bool { return first.says("not everything could be stored in time") })
	w.truth.Crash(time.Now()) // the store may still complete what was on the wire
	w.hook.Store(nil)
	barrier.open()
	w.assigned(1, first, second)
	w.settle(first, second)
	w.judge(truth.RepeatedAfterCrash)
}

// A process that sleeps through its session wakes up as a zombie: it holds an
// upload URL for lines that another member has taken over, and stores nothing.
func TestZombie_storesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	zombie, barrier := w.startKept(atCreate, 400)
	zombie.freeze()
	w.hook.Store(nil)
	barrier.open() // the answer waits in the zombie's socket
	successor := w.start()
	w.assigned(2, successor)
	w.waitStored()
	zombie.thaw()
	w.assigned(1, zombie, successor)
	w.produce(load{records: 400})
	w.settle(zombie, successor)
	w.judge()
}

// SIGTERM waits for the PUT that runs, and what it stored is committed.
func TestTerminate_duringAPut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	b, barrier := w.startKept(inBody, 200)
	go func() { // ends with the bridge's log or the test
		for !b.says("stopping: ") && t.Context().Err() == nil {
			<-time.After(10 * time.Millisecond)
		}
		barrier.open()
	}()
	b.stop()
	w.waitStored()
	w.waitCommitted(w.topic)
	w.judge()
}

// SIGTERM during a backoff tries until the shutdown timeout and not longer; the
// exit code says that something was left.
func TestTerminate_duringABackoff(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_SHUTDOWN_TIMEOUT"] = "2s"
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Status: 503})
	w.produce(load{records: 200})
	b := w.start()
	w.eventually("imports are retried", func() bool { return b.metric("import_retries_total") > 3 })
	began := time.Now()
	if code := b.terminate(); code != 1 {
		t.Errorf("exit code %d, want 1: not everything was stored", code)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to end, with a shutdown timeout of 2s", took)
	}
	if !b.says("not everything could be stored in time") {
		t.Error("the log does not say what was left")
	}
	w.api.ClearFaults()
	b = w.start()
	w.settle(b)
	w.judge()
}

// SIGTERM during a join, which lasts as long as another member drains, ends the
// process at once.
func TestTerminate_duringAJoin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	first, barrier := w.startKept(inBody, 200)
	second := w.launch()
	w.drainBegins(first)
	w.eventually("a member that drains is ready, and says that it uploads", func() bool {
		return first.ready() && first.metric("uploads_in_flight") > 0
	})
	began := time.Now()
	if code := second.terminate(); code != 0 {
		t.Errorf("exit code %d, want 0: %s", code, second.tail())
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s to end during a join, with a rebalance timeout of 30s", took)
	}
	barrier.open()
	w.assigned(2, first)
	w.settle(first)
	w.judge()
}

// A second SIGTERM ends the process at once, with code 1, and loses nothing.
func TestTerminate_twice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"] = "5s"
	b, _ := w.startKept(inBody, 200)
	b.signalStop()
	w.eventually("it stops", func() bool { return b.says("stopping: ") })
	b.answers("/readyz", http.StatusServiceUnavailable)
	b.answers("/healthz", http.StatusOK)
	began := time.Now()
	if code := b.terminate(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s to end after the second signal, with a shutdown timeout of 20s", took)
	}
	w.truth.Crash(time.Now())
	w.hook.Store(nil)
	b = w.start()
	w.settle(b)
	w.judge(truth.RepeatedAfterCrash)
}
