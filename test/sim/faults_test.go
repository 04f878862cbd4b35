package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/sandbox"
)

// api draws a fault of the API for a while.
func (s *schedule) api(rnd *rand.Rand, at time.Duration, f sandbox.Fault) {
	f.Namespace = cmp.Or(f.Namespace, s.namespace(rnd))
	f.Probability = pick(rnd, 0, 0, 0.5, 0.2)
	s.apiFor(at, s.span(rnd), f)
}

func (s *schedule) apiFor(at, span time.Duration, f sandbox.Fault) {
	text, _ := f.MarshalJSON()
	s.add(at, fmt.Sprintf("API fault for %s: %s", span, text), func(w *world) {
		w.touch(span, s.settings.restOf(f), s.settings.scopeOf(f), string(text))
		w.mu.Lock()
		w.untold = w.untold || f.Doomed || f.Expired
		w.reticent = w.reticent || f.Conditional || f.Operation == sandbox.OperationStatus
		w.oblivious = w.oblivious || f.IgnoreCondition
		w.mu.Unlock()
		end := w.impose(f)
		time.AfterFunc(span, end)
	})
}

func (s *schedule) apiStatus(rnd *rand.Rand, at time.Duration) {
	f := sandbox.Fault{Operation: pick(rnd, sandbox.OperationCreate, sandbox.OperationUpload), Status: pick(rnd, 429, 500, 503, 408, 502)}
	if f.Status == 429 && rnd.IntN(2) == 0 {
		f.RetryAfter = time.Duration(1+rnd.IntN(30)) * time.Second
		f.RetryAfterDate = rnd.IntN(2) == 0
	}
	if rnd.IntN(5) == 0 && f.Operation == sandbox.OperationCreate {
		f.Status, f.RetryAfter, f.Garbage = 0, 0, true
	}
	s.api(rnd, at, f)
}

func (s *schedule) apiSlow(rnd *rand.Rand, at time.Duration) {
	s.api(rnd, at, sandbox.Fault{Operation: pick(rnd, sandbox.OperationCreate, sandbox.OperationUpload), Delay: pick(rnd, 300*time.Millisecond, 3*time.Second, 12*time.Second)})
}

func (s *schedule) apiReset(rnd *rand.Rand, at time.Duration) {
	s.api(rnd, at, sandbox.Fault{Operation: pick(rnd, sandbox.OperationCreate, sandbox.OperationUpload), Reset: pick(rnd, sandbox.ResetBefore, sandbox.ResetMid)})
}

// apiLost stores and loses the answer.
func (s *schedule) apiLost(rnd *rand.Rand, at time.Duration) {
	s.api(rnd, at, sandbox.Fault{Operation: sandbox.OperationUpload, Reset: sandbox.ResetAfter})
}

// apiPath takes one of the create call's two names away.
func (s *schedule) apiPath(rnd *rand.Rand, at time.Duration) {
	s.apiFor(at, s.span(rnd), sandbox.Fault{Operation: sandbox.OperationCreate, Path: pick(rnd, sandbox.PathImport, sandbox.PathUploadURL), Status: pick(rnd, 404, 405, 410)})
}

// apiMute answers no question about uploads.
func (s *schedule) apiMute(rnd *rand.Rand, at time.Duration) {
	s.api(rnd, at, sandbox.Fault{Operation: sandbox.OperationStatus, Status: pick(rnd, 403, 404, 429, 503)})
}

// condition makes the store refuse the condition of a PUT, or not look at it.
func (s *schedule) condition(rnd *rand.Rand, at time.Duration) {
	f := sandbox.Fault{Operation: sandbox.OperationUpload, Conditional: true, Status: pick(rnd, 400, 403, 501, 0)}
	f.IgnoreCondition = f.Status == 0
	s.api(rnd, at, f)
}

func (s *schedule) apiDoomed(rnd *rand.Rand, at time.Duration) {
	s.api(rnd, at, sandbox.Fault{Operation: sandbox.OperationCreate, Doomed: true})
}

func (s *schedule) apiExpired(rnd *rand.Rand, at time.Duration) {
	s.api(rnd, at, sandbox.Fault{Operation: sandbox.OperationCreate, Expired: true})
}

func (s *schedule) unauthorised(rnd *rand.Rand, at time.Duration) {
	span := s.span(rnd)
	s.touching(at, span, s.settings.restOf(sandbox.Fault{}), everything, fmt.Sprintf("API refuses the key for %s", span), func(w *world) {
		w.api.SetKeys("another")
		time.AfterFunc(span, func() { w.api.SetKeys("") })
	})
}

func (s *schedule) refuse(rnd *rand.Rand, at time.Duration) {
	f := sandbox.Fault{Operation: pick(rnd, sandbox.OperationCreate, sandbox.OperationUpload), Status: pick(rnd, 400, 404, 413, 422), Namespace: pick(rnd, "n0", "n0", "n1", "n2")}
	s.apiFor(at, pick(rnd, 10*time.Second, time.Minute, 3*time.Minute), f)
}

func (s *schedule) leaderMove(rnd *rand.Rand, at time.Duration) {
	topic, partition, node := pick(rnd, s.settings.topics...), rnd.Int32N(s.partitions), rnd.Int32N(int32(s.brokers))
	s.touching(at, 0, partitionRest, ofPartition(topic, partition), fmt.Sprintf("leader of %s/%d moves to %d", topic, partition, node), func(w *world) { _ = w.cluster.MoveTopicPartition(topic, partition, node) })
}

func (s *schedule) coordinatorMove(_ *rand.Rand, at time.Duration) {
	s.touching(at, 0, partitionRest, everything, "coordinators move", func(w *world) { w.cluster.RehashCoordinators() })
}

// answer makes the broker answer requests of some keys with an error for a while.
func (s *schedule) answer(at, span time.Duration, e *kerr.Error, keys ...kmsg.Key) {
	s.answerWith(at, span, "", kfakeFault{Keys: keys, Err: e})
}

func (s *schedule) answerWith(at, span time.Duration, of string, f kfakeFault) {
	f.Count = -1
	what := everything
	if slices.Contains(f.Keys, kmsg.OffsetCommit) { // lines wait for no commit
		what.only = commitsOnly
	}
	text := fmt.Sprintf("requests %v %sare answered %s for %s", f.Keys, of, f.Err.Message, span)
	s.touching(at, span, partitionRest, what, text, func(w *world) {
		h := w.cluster.Fault(f)
		commits := int32(0)
		if slices.Contains(f.Keys, kmsg.OffsetCommit) {
			commits = 1
		}
		w.commitsRefused.Add(commits)
		time.AfterFunc(span, func() {
			h.Remove()
			w.commitsRefused.Add(-commits)
		})
	})
}

func (s *schedule) fetchError(rnd *rand.Rand, at time.Duration) {
	e := pick(rnd, kerr.NotLeaderForPartition, kerr.OffsetOutOfRange, kerr.UnknownServerError, kerr.UnknownTopicOrPartition)
	if e == kerr.UnknownTopicOrPartition && !s.settings.fetchesByID() {
		e = kerr.NotLeaderForPartition // which may be another topic by then, as far as a bridge can know
	}
	s.answer(at, pick(rnd, 100*time.Millisecond, 2*time.Second, 10*time.Second), e, kmsg.Fetch)
}

// fetchStandstill lets one broker answer no fetch for a while, or only that a quota
// is used up.
func (s *schedule) fetchStandstill(rnd *rand.Rand, at time.Duration) {
	span, node, quota := s.span(rnd), rnd.Int32N(int32(s.brokers)), rnd.IntN(2) == 0
	s.touching(at, span, partitionRest, everything, fmt.Sprintf("broker %d answers no fetch for %s, quota %t", node, span, quota), func(w *world) {
		end := time.Now().Add(span)
		if !quota {
			w.silence(node, end)
			return
		}
		w.cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			if !time.Now().Before(end) {
				return nil, nil, false
			}
			w.cluster.KeepControl()
			if w.cluster.CurrentNode() != node {
				return nil, nil, false
			}
			res := req.ResponseKind().(*kmsg.FetchResponse)
			res.ThrottleMillis = 3000
			return res, nil, true
		})
	})
}

func (s *schedule) commitCode(rnd *rand.Rand, at time.Duration) {
	e := pick(rnd, kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.RebalanceInProgress, kerr.RequestTimedOut, kerr.OffsetMetadataTooLarge)
	span := pick(rnd, time.Second, 4*time.Second, 20*time.Second)
	if rnd.IntN(2) == 0 { // one partition's alone
		topic, partition := pick(rnd, s.settings.topics...), rnd.Int32N(s.partitions)
		s.answerWith(at, span, fmt.Sprintf("of %s/%d ", topic, partition), kfakeFault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: e, Topic: topic, Partitions: []int32{partition}})
	} else {
		s.answer(at, span, e, kmsg.OffsetCommit)
	}
	if e == kerr.OffsetMetadataTooLarge {
		// For the rest of the session less room is taken, perhaps none.
		s.add(0, "(metadata may be refused)", func(w *world) {
			w.truth.mu.Lock()
			w.truth.small = true
			w.truth.mu.Unlock()
			w.truth.excuse(excuse{from: epoch, to: epoch.Add(time.Hour), why: "metadata refused"})
		})
		return
	}
	s.excuse(at, span+time.Second, "commits are answered "+e.Message)
}

// letterError makes the dead-letter topic refuse what is written.
func (s *schedule) letterError(rnd *rand.Rand, at time.Duration) {
	e := pick(rnd, kerr.NotLeaderForPartition, kerr.NotEnoughReplicas, kerr.TopicAuthorizationFailed)
	span := s.span(rnd)
	what := allLetters
	if s.settings.buffer < max(2<<20, 64*s.settings.lineBytes()) { // they soon fill their sixteenth of it, and their partitions are read no further
		what = everything
	}
	s.touching(at, span, partitionRest, what, fmt.Sprintf("dead letters are answered %s for %s", e.Message, span), func(w *world) {
		// After a hand-over what was refused is imported behind what came later.
		w.truth.mark(func() {
			refuses := func(s *settings) bool { return s.onRejected == record.DeadLetter }
			w.truth.orders = w.truth.orders && !slices.ContainsFunc(w.truth.used, refuses)
		})
		h := w.cluster.Fault(kfakeFault{Keys: []kmsg.Key{kmsg.Produce}, Topic: dlqTopic, Err: e, Count: -1})
		w.lettersRefused.Add(1)
		time.AfterFunc(span, func() {
			h.Remove()
			w.lettersRefused.Add(-1)
		})
	})
}

func (s *schedule) groupError(rnd *rand.Rand, at time.Duration) {
	e := pick(rnd, kerr.CoordinatorNotAvailable, kerr.NotCoordinator)
	key := pick(rnd, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.OffsetFetch, kmsg.FindCoordinator, kmsg.ListOffsets, kmsg.LeaveGroup)
	span := s.span(rnd)
	s.answerWith(at, span, "", kfakeFault{Keys: []kmsg.Key{key}, Err: e, Group: groupOf(key)})
	if key == kmsg.FindCoordinator {
		s.excuse(at, span+time.Second, "no coordinator is found")
	}
}

// groupOf restricts a fault to the bridge's group where a producer asks too.
func groupOf(key kmsg.Key) string {
	if key == kmsg.FindCoordinator {
		return group
	}
	return ""
}

// putOut puts a member out of the group, where nothing that it has stored waits for a
// receipt: it remembers that, but not beyond its own end.
func (s *schedule) putOut() fault {
	if s.settings.receipts && s.settings.receiptTakes > time.Second {
		return s.restart
	}
	return s.heartbeatError
}

func (s *schedule) heartbeatError(rnd *rand.Rand, at time.Duration) {
	e := pick(rnd, kerr.RebalanceInProgress, kerr.UnknownMemberID, kerr.NotCoordinator)
	s.answer(at, pick(rnd, 500*time.Millisecond, 3*time.Second), e, kmsg.Heartbeat)
}

func (s *schedule) commitLost(rnd *rand.Rand, at time.Duration) {
	n := 1 + rnd.IntN(3)
	s.onSlot(rnd, at, fmt.Sprintf("%d commits are applied and not answered", n), func(w *world, p *process) {
		w.touch(0, lostRest, allCommits, "commits are lost")
		p.kafka.loseCommits(n)
	})
}

func (s *schedule) commitLate(rnd *rand.Rand, at time.Duration) {
	d := pick(rnd, 500*time.Millisecond, 5*time.Second, 15*time.Second)
	s.onSlot(rnd, at, fmt.Sprintf("a commit arrives %s late", d), func(w *world, p *process) {
		w.touch(d, lostRest, allCommits, "a commit is late")
		p.kafka.delayCommit(d, func() {
			w.truth.excuse(excuse{process: p.name, from: time.Now().Add(-exposure), to: time.Now().Add(s.length), why: "late commit"})
		})
		w.truth.mu.Lock()
		w.truth.late = true
		w.truth.mu.Unlock()
	})
}

func (s *schedule) cutKafka(rnd *rand.Rand, at time.Duration) {
	s.onSlot(rnd, at, "connections to Kafka are cut", func(w *world, p *process) {
		w.touch(0, partitionRest, everything, "connections are cut")
		p.kafka.cut()
	})
}

func (s *schedule) cutHTTP(rnd *rand.Rand, at time.Duration) {
	s.onSlot(rnd, at, "connections to the API are cut", func(w *world, p *process) {
		w.touch(0, maxBackoff, everything, "connections are cut")
		p.http.cut()
	})
}

func (s *schedule) partitionKafka(rnd *rand.Rand, at time.Duration) {
	span := pick(rnd, 2*time.Second, 8*time.Second, 40*time.Second)
	s.onSlot(rnd, at, fmt.Sprintf("no Kafka for %s", span), func(w *world, p *process) {
		w.touch(span, partitionRest, everything, "a process has no Kafka")
		p.kafka.partition()
		time.AfterFunc(span, p.kafka.heal)
		now := time.Now()
		w.truth.excuse(excuse{process: p.name, from: now.Add(-exposure), to: now.Add(span + p.settings.session), why: "no Kafka"})
	})
}

func (s *schedule) partitionHTTP(rnd *rand.Rand, at time.Duration) {
	span := pick(rnd, 2*time.Second, 8*time.Second, 40*time.Second)
	s.onSlot(rnd, at, fmt.Sprintf("no API for %s", span), func(w *world, p *process) {
		w.touch(span, attemptTime+maxBackoff, everything, "a process has no API")
		p.http.partition()
		time.AfterFunc(span, p.http.heal)
	})
}
