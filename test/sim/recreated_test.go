package sim

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"kafka-import-bridge/internal/sandbox"
)

// A topic that is deleted and created anew while a bridge runs, and grows past what
// the bridge had read, is read from its start, each record once: also by brokers
// that know no topic ids (before 2.8), or that are fetched from by name (before 3.1),
// and also where no answer has told of it.
func TestRecreated_byBrokersOfAnyAge(t *testing.T) {
	for name, v := range map[string]*kversion.Versions{
		"2.4": kversion.V2_4_0(), "2.7": kversion.V2_7_0(), "2.8": kversion.V2_8_0(), "3.0": kversion.V3_0_0(), "3.5": kversion.V3_5_0(), "newest": nil,
	} {
		for how, apart := range map[string]bool{"away meanwhile": true, "connected": false} {
			for size, records := range map[string]int{"larger": 50, "smaller": 5, "equal": 20} {
				t.Run(name+"/"+how+"/"+size, func(t *testing.T) {
					s := defaultSettings()
					s.batchAge, s.kafka = time.Second, v
					scenario(t, s, 1, 0, func(w *world) {
						w.startSlot(0)
						w.emit("t0", 0, 100, named("a", 1, 20)...)
						w.wants(10*time.Second, "the old ones are stored", func() bool { return w.stored("a") })
						time.Sleep(5 * time.Second)
						if apart {
							w.slot(0).kafka.partition()
						}
						w.recreate("t0", 1)
						w.emit("t0", 0, 100, named("b", 1, records)...)
						if apart {
							w.slot(0).kafka.heal()
						}
						w.wants(time.Minute, "the new ones are stored", func() bool { return w.stored("b") })
						w.emit("t0", 0, 100, named("c", 1, 3)...)
						w.wants(time.Minute, "and what comes later", func() bool { return w.stored("c") })
						w.restart(nil)
						w.emit("t0", 0, 100, named("d", 1, 3)...)
						w.wants(time.Minute, "and what comes after a restart", func() bool { return w.stored("d") })
					})
				})
			}
		}
	}
}

// A coordinator that takes no commit metadata at all is not told of which topic an
// offset is: none of a topic that was deleted is committed over the one that was
// created in its place.
func TestRecreated_withoutCommitMetadata(t *testing.T) {
	s := defaultSettings()
	s.batchAge = time.Second
	scenario(t, s, 1, -1, func(w *world) {
		w.truth.small = true
		w.cluster.ControlKey(keyOffsetCommit, func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.cluster.KeepControl()
			q := req.(*kmsg.OffsetCommitRequest)
			res := q.ResponseKind().(*kmsg.OffsetCommitResponse)
			refused := false
			for _, t := range q.Topics {
				rt := kmsg.NewOffsetCommitResponseTopic()
				rt.Topic, rt.TopicID = t.Topic, t.TopicID
				for _, p := range t.Partitions {
					refused = refused || p.Metadata != nil && *p.Metadata != ""
					rp := kmsg.NewOffsetCommitResponseTopicPartition()
					rp.Partition, rp.ErrorCode = p.Partition, kerr.OffsetMetadataTooLarge.Code
					rt.Partitions = append(rt.Partitions, rp)
				}
				res.Topics = append(res.Topics, rt)
			}
			return res, nil, refused
		})
		w.startSlot(0)
		w.emit("t0", 0, 100, named("a", 1, 20)...)
		w.wants(30*time.Second, "the old ones are committed", func() bool { return w.sample()["t0"][0].Offset == 20 })
		defer w.impose(sandbox.Fault{Operation: sandbox.OperationUpload, Delay: 10 * time.Second})()
		began := time.Now()
		w.emit("t0", 0, 100, named("a", 1, 5)...)
		time.Sleep(5 * time.Second)
		w.slot(0).kafka.partition()
		w.recreate("t0", 1)
		w.emit("t0", 0, 100, named("b", 1, 50)...)
		// The old ones are stored before a fetch has told of the new topic.
		time.Sleep(time.Until(began.Add(s.batchAge + 10*time.Second - 5*time.Millisecond)))
		w.slot(0).kafka.heal()
		w.wants(time.Minute, "the new ones are stored", func() bool { return w.stored("b") })
	})
}
