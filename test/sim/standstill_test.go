package sim

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/report"
)

// status0 is what the process of slot 0 shows of a partition.
func (w *world) status0(partition int32) report.PartitionStatus {
	if st := w.slot(0).status(); st != nil {
		i := slices.IndexFunc(st.Partitions, func(p report.PartitionStatus) bool { return p.Partition == partition })
		if i >= 0 {
			return st.Partitions[i]
		}
	}
	return report.PartitionStatus{}
}

// says whether the partition is in the state, with an error that holds a text.
func says(p report.PartitionStatus, state, text string) bool {
	return p.State == state && p.Error != nil && strings.Contains(*p.Error, text)
}

// A Kafka batch that the buffer has no room for is held, what lies around it is
// stored, and a restart with a larger buffer imports it, each line once.
func TestStandstill_aBatchWithoutRoom(t *testing.T) {
	s := defaultSettings()
	s.buffer, s.batchAge = 512<<10, time.Second
	scenario(t, s, 2, 0, func(w *world) {
		large := recipe{topic: "t0", namespaces: 3, size: 1500, count: 140, codec: largeBatches}
		w.emit("t0", 0, 100, named("before", 3, 5)...)
		w.produce(large, rand.New(rand.NewPCG(1, 1)))
		w.emit("t0", 0, 100, named("behind", 3, 5)...)
		w.emit("t0", 1, 100, named("beside", 3, 5)...)
		w.startSlot(0)
		w.wants(30*time.Second, "what lies around it is stored", func() bool { return w.stored("b") })
		w.wants(10*time.Second, "it is told", func() bool {
			p := w.status0(0)
			return p.State == "held" && p.PinnedBy != nil && p.PinnedBy.Offset == 15 && strings.Contains(p.PinnedBy.Reason, "offsets 15 to 154 with 140 records")
		})
		w.restart(nil)
		w.emit("t0", 0, 100, named("behind", 3, 5)...)
		w.wants(30*time.Second, "what lies behind it is stored after a restart", func() bool { return w.stored("b") })
		roomy := *s
		roomy.buffer = 8 << 20
		w.truth.orders = false // it arrives late
		w.restart(&roomy)
		w.wants(30*time.Second, "all is stored", func() bool { return w.stored("") })
	})
}

// A leader that takes fetches and never answers is told of within a minute, and of
// its partitions; when it answers again so are they.
func TestStandstill_aLeaderThatDoesNotAnswer(t *testing.T) {
	s := defaultSettings()
	s.batchAge = time.Second
	scenario(t, s, 1, 0, func(w *world) {
		w.emit("t0", 0, 100, named("a", 3, 5)...)
		w.startSlot(0)
		w.wants(30*time.Second, "it is read", func() bool { return w.stored("a") })
		heal := time.Now().Add(2 * time.Minute)
		w.silence(0, heal)
		w.emit("t0", 0, 100, named("b", 3, 5)...)
		w.wants(time.Minute, "the partition's status says so", func() bool { return says(w.status0(0), "failed", "has not answered for") })
		w.wants(5*time.Second, "the log says so", func() bool { return len(w.slot(0).log.holds("a leader does not answer")) == 1 })
		time.Sleep(time.Until(heal))
		w.wants(time.Minute, "it is read again", func() bool { return w.stored("b") && w.status0(0).State == "reading" })
	})
}

// A quota that lets a client wait is told of, and its brokers are not taken for
// silent.
func TestStandstill_aQuota(t *testing.T) {
	s := defaultSettings()
	s.batchAge = time.Second
	scenario(t, s, 1, 0, func(w *world) {
		w.emit("t0", 0, 100, named("a", 3, 5)...)
		end := time.Now().Add(2 * time.Minute)
		w.cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			w.cluster.KeepControl()
			if time.Now().After(end) {
				return nil, nil, false
			}
			res := req.ResponseKind().(*kmsg.FetchResponse)
			res.ThrottleMillis = 20_000
			return res, nil, true
		})
		w.startSlot(0)
		w.wants(30*time.Second, "the partition's status says so", func() bool { return says(w.status0(0), "paused", "quota") })
		if n := len(w.slot(0).log.holds("a quota of this client")); n != 1 {
			w.truth.blame("%d lines of the log say so", n)
		}
		time.Sleep(time.Until(end))
		if n := len(w.slot(0).log.holds("does not answer")); n != 0 {
			w.truth.blame("%d lines of the log say that it does not answer", n)
		}
		w.wants(time.Minute, "it is read", func() bool { return w.stored("a") && w.status0(0).State == "reading" })
	})
}
