package sim

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/sandbox"
)

var strangeFlag = flag.Int("strange", defaultSeeds/10, "how many seeds TestSim_strangeAnswers plays, from -first on")

// TestSim_strangeAnswers plays seeds of TestSim with further answers of the API, the store
// and the brokers: none of them may cost a dead letter, and those of one partition touch no
// other one.
func TestSim_strangeAnswers(t *testing.T) {
	first, seeds := *firstFlag, *strangeFlag
	if testing.Short() {
		seeds /= 10
	}
	if *seedFlag != 0 {
		first, seeds = *seedFlag, 1
	}
	for seed := first; seed < first+uint64(seeds); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			s := draw(seed)
			s.drawStrangeAnswers(rand.New(rand.NewPCG(seed, 9)))
			playSchedule(t, s)
		})
	}
}

// drawStrangeAnswers adds them to a schedule.
func (s *schedule) drawStrangeAnswers(rnd *rand.Rand) {
	s.strange = true
	faults := []fault{s.strangeAPI, s.strangeStore, s.strangeLeader}
	if !s.graceful {
		faults = append(faults, s.strangeCoordinator, s.strangePage)
	}
	for range 2 + rnd.IntN(6) {
		pick(rnd, faults...)(rnd, time.Duration(rnd.Int64N(int64(s.length))))
	}
	slices.SortStableFunc(s.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
}

// page is what a proxy answers to a browser.
var page = map[string]string{"Content-Type": "text/html; charset=utf-8"}

const pageText = "<html><body>Maintenance</body></html>"

// header is one line of an answer's header.
func header(name, value string) map[string]string { return map[string]string{name: value} }

// strangeAPI draws answers to the create call that are about no batch.
func (s *schedule) strangeAPI(rnd *rand.Rand, at time.Duration) {
	f := pick(rnd,
		sandbox.Fault{Status: http.StatusConflict},
		sandbox.Fault{Status: http.StatusPaymentRequired},
		sandbox.Fault{Status: http.StatusProxyAuthRequired},
		sandbox.Fault{Status: http.StatusTooEarly},
		sandbox.Fault{Status: http.StatusTeapot},
		sandbox.Fault{Status: http.StatusBadRequest, Header: header("X-Should-Retry", "true")},
		sandbox.Fault{Status: http.StatusNotFound, Header: header("X-Should-Retry", "true")},
		sandbox.Fault{Status: http.StatusServiceUnavailable, Header: header("X-Should-Retry", "false")},
		sandbox.Fault{Status: http.StatusTooManyRequests, Header: header("Retry-After-Ms", "1500")},
		sandbox.Fault{Status: http.StatusTooManyRequests, Header: header("Retry-After", "0.5")},
		sandbox.Fault{Status: http.StatusBadRequest, Header: page, Body: pageText},
		sandbox.Fault{Header: page, Body: pageText},
	)
	f.Operation = sandbox.OperationCreate
	s.api(rnd, at, f)
}

// strangeStore draws answers of the store that are about the URL, or about the time, and
// about no batch.
func (s *schedule) strangeStore(rnd *rand.Rand, at time.Duration) {
	f := pick(rnd,
		sandbox.Fault{Status: http.StatusBadRequest, Body: "ExpiredToken"},
		sandbox.Fault{Status: http.StatusBadRequest, Body: "RequestTimeout"},
		sandbox.Fault{Status: http.StatusBadRequest, Body: "IncompleteBody"},
		sandbox.Fault{Status: http.StatusBadRequest, Body: "KMS.DisabledException"},
		sandbox.Fault{Status: http.StatusForbidden, Body: "RequestTimeTooSkewed"},
		sandbox.Fault{Status: http.StatusNotFound, Body: "NoSuchBucket"},
		sandbox.Fault{Status: http.StatusMethodNotAllowed, Body: "MethodNotAllowed"},
		sandbox.Fault{Status: http.StatusConflict, Body: "OperationAborted"},
		sandbox.Fault{Status: http.StatusServiceUnavailable, Body: "SlowDown"},
		sandbox.Fault{Status: http.StatusUnprocessableEntity, Header: header("X-Should-Retry", "true")},
		sandbox.Fault{Status: http.StatusRequestEntityTooLarge, Header: header("X-Should-Retry", "true")},
		sandbox.Fault{Status: http.StatusBadRequest, Header: page, Body: pageText},
	)
	if f.Operation = sandbox.OperationUpload; f.Header == nil {
		f.Body = "<?xml version=\"1.0\"?><Error><Code>" + f.Body + "</Code></Error>"
	}
	s.api(rnd, at, f)
}

// strangePage draws a proxy that answers a PUT with a page, and 200, although it has
// passed the body on.
func (s *schedule) strangePage(rnd *rand.Rand, at time.Duration) {
	s.api(rnd, at, sandbox.Fault{Operation: sandbox.OperationUpload, Header: page, Body: pageText})
}

// strangeLeader draws a partition whose fetches, or questions for its ends, are answered
// an error that another look at the metadata or the time may mend.
func (s *schedule) strangeLeader(rnd *rand.Rand, at time.Duration) {
	topic, partition, span := pick(rnd, s.settings.topics...), rnd.Int32N(s.partitions), s.span(rnd)
	e := pick(rnd, kerr.KafkaStorageError, kerr.OffsetNotAvailable, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch,
		kerr.ReplicaNotAvailable, kerr.LeaderNotAvailable, kerr.BrokerNotAvailable)
	keys := pick(rnd, []kmsg.Key{kmsg.Fetch}, []kmsg.Key{kmsg.Fetch}, []kmsg.Key{kmsg.ListOffsets}, []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets})
	s.touching(at, span, partitionRest, ofPartition(topic, partition), fmt.Sprintf("requests %v of %s/%d are answered %s for %s", keys, topic, partition, e.Message, span), func(w *world) {
		h := w.cluster.Fault(kfakeFault{Keys: keys, Topic: topic, Partitions: []int32{partition}, Err: e, Count: -1})
		time.AfterFunc(span, func() { h.Remove() })
	})
}

// strangeCoordinator draws a coordinator that answers one kind of request an error for a
// while. Who is put out of the group meanwhile may repeat what it has stored.
func (s *schedule) strangeCoordinator(rnd *rand.Rand, at time.Duration) {
	type answer struct {
		key kmsg.Key
		err *kerr.Error
	}
	a := pick(rnd,
		answer{kmsg.JoinGroup, kerr.CoordinatorLoadInProgress}, answer{kmsg.JoinGroup, kerr.GroupMaxSizeReached}, answer{kmsg.JoinGroup, kerr.GroupAuthorizationFailed},
		answer{kmsg.SyncGroup, kerr.CoordinatorLoadInProgress}, answer{kmsg.SyncGroup, kerr.RebalanceInProgress},
		answer{kmsg.Heartbeat, kerr.CoordinatorLoadInProgress}, answer{kmsg.Heartbeat, kerr.IllegalGeneration}, answer{kmsg.Heartbeat, kerr.GroupAuthorizationFailed},
		answer{kmsg.OffsetFetch, kerr.CoordinatorLoadInProgress}, answer{kmsg.OffsetFetch, kerr.UnstableOffsetCommit}, answer{kmsg.OffsetFetch, kerr.GroupAuthorizationFailed},
	)
	span := s.span(rnd)
	s.answerWith(at, span, "", kfakeFault{Keys: []kmsg.Key{a.key}, Err: a.err, Group: groupOf(a.key)})
	s.excuse(at, span+s.settings.session, "the coordinator is not well")
}

// refuses reports whether a fault is an answer that is about the batch: only what is
// answered so may become dead letters.
func refuses(f sandbox.Fault) bool {
	if f.Conditional || f.Header != nil || f.Body != "" {
		return false
	}
	about := []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}
	return slices.Contains(about, f.Status)
}
