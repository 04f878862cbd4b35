package sim

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/sandbox"
)

// A member that the group has not heard of for a session may have lost its
// partitions: it uploads nothing more, although the API could be reached, and
// once it hears that it is out it commits nothing more.
func TestFence_memberWithoutKafkaStoresNothingMore(t *testing.T) {
	for _, away := range []time.Duration{20 * time.Second, 2 * time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			s := defaultSettings()
			s.session, s.heartbeat, s.batchAge = 10*time.Second, time.Second, time.Second
			scenario(t, s, 2, 0, func(w *world) {
				w.startSlot(0)
				time.Sleep(5 * time.Second)
				free := w.refuse(sandbox.OperationCreate, 503, named("n", 20, 1)...)
				for p := range int32(2) {
					w.emit("t0", p, 100, named("n", 20, 5)...)
				}
				time.Sleep(5 * time.Second)
				w.slot(0).kafka.partition()
				w.startSlot(1)
				time.Sleep(15 * time.Second) // past the session
				free()
				time.Sleep(away)
				w.slot(0).kafka.heal()
				w.wants(2*time.Minute, "all is stored", func() bool { return w.stored("") })
			})
		})
	}
}

// A dead letter counts once the topic has it.
func TestFence_deadLettersAreAwaited(t *testing.T) {
	s := defaultSettings()
	s.onInvalid = record.DeadLetter
	scenario(t, s, 1, 0, func(w *world) {
		w.startSlot(0)
		time.Sleep(time.Second)
		h := w.cluster.Fault(kfakeFault{Keys: []kmsg.Key{kmsg.Produce}, Topic: dlqTopic, Err: kerr.NotEnoughReplicas, Count: -1})
		w.lettersRefused.Add(1)
		w.emit("t0", 0, 10, "a", "b")
		w.odd("t0", 0, noID, "a")
		w.emit("t0", 0, 10, "a", "b")
		time.Sleep(40 * time.Second)
		h.Remove()
		w.lettersRefused.Add(-1)
	})
}
