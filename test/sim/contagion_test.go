package sim

import (
	"fmt"
	"testing"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

// Trouble of some namespaces must not reach the others.

func TestContagion_32HeldNamespacesWithFullBatches(t *testing.T) {
	s := defaultSettings()
	s.batchBytes, s.buffer, s.uploads, s.batchAge = 16<<10, 1<<20, 4, time.Second
	scenario(t, s, 2, 0, func(w *world) {
		free := w.refuse(sandbox.OperationCreate, 422, named("bad", 32, 1)...)
		w.startSlot(0)
		for p := range int32(2) {
			w.emit("t0", p, 1000, append(named("bad", 32, 20), named("good", 8, 20)...)...)
			w.emit("t0", p, 1000, named("good", 8, 10)...)
		}
		w.wants(30*time.Second, "the other namespaces are stored", func() bool { return w.stored("good") })
		time.Sleep(3 * time.Minute) // probes
		w.restart(nil)              // the others are not sent again
		time.Sleep(time.Minute)
		w.emit("t0", 0, 1000, named("good", 8, 5)...)
		w.wants(10*time.Second, "later records of the others are stored", func() bool { return w.stored("good") })
		free()
		w.wants(5*time.Minute, "the held namespaces are stored", func() bool { return w.stored("bad") })
	})
}

func TestContagion_fourNamespacesInBackoffWithFourSlots(t *testing.T) {
	s := defaultSettings()
	s.uploads, s.batchAge = 4, time.Second
	scenario(t, s, 1, 0, func(w *world) {
		free := w.refuse(sandbox.OperationUpload, 503, named("slow", 4, 1)...)
		w.startSlot(0)
		for i := range 60 {
			w.emit("t0", 0, 100, append(named("slow", 4, 5), fmt.Sprintf("good%d", i%3))...)
			w.wants(3*time.Second, "the others are stored", func() bool { return w.stored("good") })
			time.Sleep(5 * time.Second)
		}
		free()
		w.wants(time.Minute, "all is stored", func() bool { return w.stored("") })
	})
}

// The same, with a store that takes ten seconds to say so: half of the slots
// stay with the others.
func TestContagion_fourSlowFailuresWithFourSlots(t *testing.T) {
	s := defaultSettings()
	s.uploads, s.batchAge = 4, time.Second
	scenario(t, s, 1, 0, func(w *world) {
		for _, n := range named("slow", 4, 1) {
			w.impose(sandbox.Fault{Operation: sandbox.OperationUpload, Status: 503, Namespace: n, Delay: 10 * time.Second})
		}
		w.startSlot(0)
		w.emit("t0", 0, 100, named("slow", 4, 5)...)
		time.Sleep(15 * time.Second) // by now they are known to be in trouble
		for i := range 60 {
			w.emit("t0", 0, 100, append(named("slow", 4, 5), fmt.Sprintf("good%d", i%3))...)
			w.wants(3*time.Second, "the others are stored", func() bool { return w.stored("good") })
			time.Sleep(3 * time.Second)
		}
	})
}

// A Retry-After binds: the sandbox notes who comes early.
func TestContagion_retryAfterIsKept(t *testing.T) {
	s := defaultSettings()
	s.batchAge, s.uploads = time.Second, 4
	scenario(t, s, 1, 0, func(w *world) {
		for _, operation := range []string{sandbox.OperationCreate, sandbox.OperationUpload} {
			w.impose(sandbox.Fault{Operation: operation, Status: 429, Namespace: "told", RetryAfter: 20 * time.Second, Times: 5, RetryAfterDate: operation == sandbox.OperationUpload})
		}
		w.startSlot(0)
		for range 30 {
			w.emit("t0", 0, 100, "told", "good")
			w.wants(3*time.Second, "the other is stored", func() bool { return w.stored("good") })
			time.Sleep(10 * time.Second)
		}
	})
}

func TestContagion_hotNamespaceAnswers503ForTenMinutes(t *testing.T) {
	s := defaultSettings()
	s.uploads, s.batchAge, s.batchBytes, s.buffer = 4, time.Second, 32<<10, 1<<20
	scenario(t, s, 1, 0, func(w *world) {
		free := w.refuse(sandbox.OperationUpload, 503, "hot")
		w.startSlot(0)
		for i := range 120 {
			var names []string
			for range 30 {
				names = append(names, "hot")
			}
			w.emit("t0", 0, 1000, append(names, fmt.Sprintf("good%d", i%5))...)
			w.wants(5*time.Second, "the others are stored", func() bool { return w.stored("good") })
			time.Sleep(5 * time.Second)
		}
		w.restart(nil)
		time.Sleep(10 * time.Second)
		free()
		w.wants(2*time.Minute, "all is stored", func() bool { return w.stored("") })
	})
}

// The create call succeeds at each probe, and the upload is refused each time.
func TestContagion_namespaceFlapsAtEveryProbe(t *testing.T) {
	s := defaultSettings()
	s.batchAge, s.probe, s.batchBytes = time.Second, 10*time.Second, 16<<10
	scenario(t, s, 2, 0, func(w *world) {
		free := w.refuse(sandbox.OperationUpload, 400, "flap")
		w.startSlot(0)
		for i := range 60 {
			w.emit("t0", int32(i%2), 500, "flap", "flap", "good0", "flap", "good1")
			w.wants(3*time.Second, "the others are stored", func() bool { return w.stored("good") })
			time.Sleep(10 * time.Second)
		}
		free()
		w.wants(time.Minute, "all is stored", func() bool { return w.stored("") })
	})
}

// The probe succeeds, the catch-up read is under way, and the process crashes.
func TestContagion_crashRightAfterAProbe(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, 500 * time.Millisecond, 2 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			s := defaultSettings()
			s.batchAge, s.probe, s.batchBytes, s.buffer = time.Second, 10*time.Second, 16<<10, 1<<20
			scenario(t, s, 1, -1, func(w *world) {
				free := w.refuse(sandbox.OperationCreate, 404, "back")
				w.startSlot(0)
				for range 40 {
					w.emit("t0", 0, 1000, "back", "back", "good", "back")
					time.Sleep(700 * time.Millisecond)
				}
				w.wants(5*time.Second, "the others are stored", func() bool { return w.stored("good") })
				free()
				slow := w.impose(sandbox.Fault{Operation: sandbox.OperationUpload, Namespace: "back", Delay: 800 * time.Millisecond})
				probed := w.requests("back")
				w.wants(15*time.Second, "a probe", func() bool { return w.requests("back") > probed })
				time.Sleep(after)
				w.killSlot(0)
				w.startSlot(0)
				time.Sleep(time.Minute)
				slow()
				w.wants(2*time.Minute, "all is stored", func() bool { return w.stored("") })
			})
		})
	}
}

// requests counts the calls for a namespace.
func (w *world) requests(namespace string) (n int) {
	for _, r := range w.api.Requests() {
		if r.Namespace == namespace {
			n++
		}
	}
	return n
}
