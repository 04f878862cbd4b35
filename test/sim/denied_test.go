package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/report"
)

// A topic that the brokers deny stops no other one, in no generation: not where it is
// denied while it is read, nor after a restart; and no stop waits for it.
func TestDenied_oneTopicStopsNoOther(t *testing.T) {
	for _, tc := range []struct {
		name string
		keys []kmsg.Key
	}{
		{"commits alone", []kmsg.Key{kmsg.OffsetCommit}},
		{"READ", []kmsg.Key{kmsg.Fetch, kmsg.OffsetCommit}},
		{"DESCRIBE", []kmsg.Key{kmsg.Metadata, kmsg.ListOffsets, kmsg.OffsetFetch, kmsg.Fetch, kmsg.OffsetCommit}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := defaultSettings()
			s.topics, s.batchAge, s.refresh = []string{"t0", "t1"}, time.Second, 5*time.Second
			scenario(t, s, 2, -1, func(w *world) {
				w.startSlot(0)
				time.Sleep(5 * time.Second)
				w.emit("t0", 0, 100, named("a", 3, 5)...)
				w.emit("t1", 0, 100, named("b", 3, 5)...)
				w.wants(10*time.Second, "all is stored", func() bool { return w.stored("") })
				time.Sleep(time.Second)
				h := w.cluster.Fault(kfakeFault{Keys: tc.keys, Topic: "t1", Err: kerr.TopicAuthorizationFailed, Count: -1})
				w.emit("t1", 1, 100, named("late", 3, 5)...)
				w.emit("t0", 1, 100, named("c", 3, 5)...)
				w.wants(10*time.Second, "what is not denied is stored", func() bool { return w.stored("c") })
				began := time.Now()
				w.restart(nil)
				if took := time.Since(began); took > 5*time.Second {
					w.truth.blame("the stop took %s", took)
				}
				w.emit("t0", 0, 100, named("d", 3, 5)...)
				w.wants(10*time.Second, "what is not denied is stored after a restart", func() bool { return w.stored("d") })
				w.startSlot(1) // a rebalance: the drain waits for nothing that is denied
				w.emit("t0", 1, 100, named("e", 3, 5)...)
				w.again("commits of t1 are denied: what is stored of it is not known to the next owner")
				w.wants(15*time.Second, "what is not denied is stored after a rebalance", func() bool { return w.stored("e") })
				w.wants(10*time.Second, "somebody tells of the topic", func() bool {
					st, other := w.slot(0).status(), w.slot(1).status()
					return st != nil && other != nil && (st.KafkaError != nil || slices.ContainsFunc(append(st.Partitions, other.Partitions...), func(p report.PartitionStatus) bool {
						return p.Topic == "t1" && p.Error != nil
					}))
				})
				h.Remove()
				w.wants(2*time.Minute, "all is stored once it is permitted again", func() bool { return w.stored("") })
			})
		})
	}
}
