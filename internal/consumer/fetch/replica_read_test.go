package fetch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// inRackRig reads in the rack of a broker that leads no partition: each has 9 batches of
// one record, and whoever leads it names the broker to those who have a rack. The
// broker answers as replica says, and hangs up where that is nil. What partition 0 was
// answered is noted.
func inRackRig(t *testing.T, replica func(offset int64) *kmsg.FetchResponseTopicPartition, test func(r *readRig, seen *answers)) {
	t.Helper()
	inReadRigOf(t, func(r *readRig) {
		r.fetcher.Refresh = func() {}
		near := int32(0)
		for slices.ContainsFunc(r.cursors[:], func(c *Cursor) bool { return c.leader == near }) {
			near++
		}
		seen := &answers{}
		r.Cluster.ControlKey(int16(kmsg.Fetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			request, answer := q.(*kmsg.FetchRequest), q.ResponseKind().(*kmsg.FetchResponse)
			node, wait := r.Cluster.CurrentNode(), 500*time.Millisecond // for records
			for _, asked := range request.Topics {
				topic := kmsg.NewFetchResponseTopic()
				topic.Topic, topic.TopicID = asked.Topic, asked.TopicID
				for _, p := range asked.Partitions {
					what, a := "leader", oneRecord(p.FetchOffset)
					switch {
					case node == near:
						if what, a = "replica", replica(p.FetchOffset); a == nil {
							return nil, errors.New("hang up"), true
						}
					case request.Rack == "a":
						what, a = "named", oneRecord(9) // with the ends that the replica has, too
						a.PreferredReadReplica = near
					}
					if p.Partition == 0 {
						seen.note(what)
					}
					if len(a.RecordBatches) > 0 || what == "named" {
						wait = 0
					}
					a.Partition = p.Partition
					topic.Partitions = append(topic.Partitions, *a)
				}
				answer.Topics = append(answer.Topics, topic)
			}
			time.Sleep(wait)
			return answer, nil, true
		})
		test(r, seen)
	}, []kfake.Opt{kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094)}, func(c *Config) {
		c.Rack = "a"
		c.Distrusted = func(kafka.TopicPartition, int32, error) {}
	})
}

// answers are the kinds of answers to the fetches of a partition: "leader", "named" and
// "replica", repeats left out. Safe for concurrent use.
type answers struct {
	mu    sync.Mutex
	kinds []string
}

func (a *answers) note(kind string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.kinds); n == 0 || a.kinds[n-1] != kind {
		a.kinds = append(a.kinds, kind)
	}
}

// take returns the answers since the last call.
func (a *answers) take() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.kinds = nil }()
	return fmt.Sprint(a.kinds)
}

// oneRecord is a partition's answer with the one record at an offset below 9, where the
// log ends.
func oneRecord(offset int64) *kmsg.FetchResponseTopicPartition {
	a := holds(nil)
	a.HighWatermark, a.LastStableOffset = 9, 9
	if offset < 9 {
		b := recordbatch.Batch{Base: offset, Last: offset, Records: []recordbatch.Record{{Offset: offset, Value: fmt.Appendf(nil, `{"id":"%d","namespace":"a"}`, offset)}}}
		a.RecordBatches = b.Encode()
	}
	return a
}

func refuses(code kafka.Code) *kmsg.FetchResponseTopicPartition {
	a := kmsg.NewFetchResponseTopicPartition()
	a.ErrorCode, a.HighWatermark, a.LastStableOffset = int16(code), -1, -1
	return &a
}

// Whatever becomes of the replica in the middle of a partition, each record is read
// once and in order, and no fault reaches the loop but of records that cannot be read.
func TestFetcher_readsOnFromTheLeader(t *testing.T) {
	for _, tc := range []struct {
		name    string
		replica func() *kmsg.FetchResponseTopicPartition // from offset 4 on; nil: it goes on well
		seen    string
	}{
		{"a replica that is well", nil, "[named replica]"},
		{"out of range", func() *kmsg.FetchResponseTopicPartition { return refuses(kafka.CodeOffsetOutOfRange) }, "[named replica leader]"},
		{"no replica any more", func() *kmsg.FetchResponseTopicPartition { return refuses(kafka.CodeNotLeader) }, "[named replica leader]"},
		{"not that far", func() *kmsg.FetchResponseTopicPartition { return refuses(kafka.CodeOffsetNotAvailable) }, "[named replica leader]"},
		{"topic unknown there", func() *kmsg.FetchResponseTopicPartition { return refuses(kafka.CodeUnknownTopicID) }, "[named replica leader]"},
		{"truncated there", func() *kmsg.FetchResponseTopicPartition {
			a := holds(nil)
			a.DivergingEpoch.Epoch, a.DivergingEpoch.EndOffset = 1, 2
			return a
		}, "[named replica leader]"},
		{"stuck", func() *kmsg.FetchResponseTopicPartition {
			a := holds(nil)
			a.HighWatermark, a.LastStableOffset = 4, 4
			return a
		}, "[named replica leader]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inRackRig(t, func(offset int64) *kmsg.FetchResponseTopicPartition {
				if offset < 4 || tc.replica == nil {
					return oneRecord(offset)
				}
				return tc.replica()
			}, func(r *readRig, seen *answers) {
				got := r.read(9, 9)
				if want := "1 1 1 1 1 1 1 1 1 "; got != [2]string{want, want} {
					t.Errorf("read %q", got)
				}
				if got := seen.take(); got != tc.seen {
					t.Errorf("answers came from %s, want %s", got, tc.seen)
				}
			})
		})
	}
}

// Replicas that answer anything at any time, named again and again over a quarter of an hour:
// each record is read once and in order, and no fault reaches the loop.
func TestFetcher_replicasAtRandom(t *testing.T) {
	served := 0
	for range 10 {
		seed := rand.Uint64()
		rng := rand.New(rand.NewPCG(seed, 3)) // used by the cluster's goroutine alone
		inRackRig(t, func(offset int64) *kmsg.FetchResponseTopicPartition {
			switch rng.IntN(8) {
			case 0:
				return nil
			case 1:
				return refuses([]kafka.Code{-1, 1, 2, 3, 6, 9, 29, 56, 74, 75, 78, 100}[rng.IntN(12)])
			case 2:
				a := holds(nil)
				a.DivergingEpoch.Epoch, a.DivergingEpoch.EndOffset = 1, rng.Int64N(9)
				return a
			case 3:
				a := holds(nil)
				a.HighWatermark, a.LastStableOffset = offset, offset
				return a
			}
			return oneRecord(offset)
		}, func(r *readRig, seen *answers) {
			r.rests = time.Minute
			got := r.read(9, 9)
			if want := "1 1 1 1 1 1 1 1 1 "; got != [2]string{want, want} {
				t.Errorf("seed %d: read %q", seed, got)
			}
			served += strings.Count(seen.take(), "replica")
		})
	}
	if served < 10 {
		t.Errorf("replicas were asked %d times only", served)
	}
}

// A read below the position asks the replica too, and what goes wrong there is tried
// again at the leader before it counts.
func TestCatchUpReader_readsOnFromTheLeader(t *testing.T) {
	for name, bad := range map[string]*kmsg.FetchResponseTopicPartition{
		"out of range": refuses(kafka.CodeOffsetOutOfRange),
		"nothing":      holds(nil),
		"damaged":      holds(append(oneRecord(2).RecordBatches[:60], oneRecord(2).RecordBatches[61:]...)),
	} {
		t.Run(name, func(t *testing.T) {
			var broken atomic.Bool
			inRackRig(t, func(offset int64) *kmsg.FetchResponseTopicPartition {
				if broken.Load() {
					return bad
				}
				return oneRecord(offset)
			}, func(r *readRig, seen *answers) {
				r.read(9, 9)
				c := &CatchUpReader{f: r.fetcher, dec: r.decoder}
				serve := func() (got string) {
					seen.take()
					c.serve(r.T.Context(), &CatchUpJob{Cursor: r.cursors[0], From: 2, Wanted: map[string]bool{"a": true}})
					for len(r.take) > 0 {
						k := <-r.take
						got += brief(k)
						k.Recycle()
					}
					return got + seen.take()
				}
				none, again := fmt.Sprintf("fault %d", FaultNone), fmt.Sprintf("fault %d", FaultRetry)
				if got := serve(); got != "1 "+none+"[replica]" {
					t.Errorf("read %s", got)
				}
				broken.Store(true)
				if got := serve(); got != again+"[replica]" {
					t.Errorf("what the replica does not have ends as %s", got)
				}
				if got := serve(); got != "1 "+none+"[leader]" {
					t.Errorf("then %s", got)
				}
			})
		})
	}
}
