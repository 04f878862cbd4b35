package assignment

import (
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
)

const (
	sessionTimeout = 30 * time.Second
	silence        = kafka.Code(-100) // hangs up instead of answering
	readEpoch      = 7                // leader epoch of what was read
)

// rig is a committer whose commits go to a coordinator that the test decides.
type rig struct {
	*Committer
	t       *testing.T
	cluster *kafkarig.Rig
	reg     *prometheus.Registry
	takes   time.Duration // each commit
	most    int           // offsets of a commit, else it is answered by tooMany; 0 for any
	tooMany kafka.Code

	mu      sync.Mutex                            // guards what follows
	answer  func(kafka.TopicPartition) kafka.Code // unset takes everything
	told    func(kafka.TopicPartition) (ledger.CommitPoint, kafka.Code)
	asked   int                                                               // fetches of offsets
	commits []map[kafka.TopicPartition]kmsg.OffsetCommitRequestTopicPartition // as they came
	group   map[kafka.TopicPartition]ledger.CommitPoint
}

// inCommitter runs a test with a committer of the partitions 0 and 1 of orders and of
// users. They start at 0, where the group is.
func inCommitter(t *testing.T, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, cluster: kafkarig.New(t, kafka.Config{}), reg: prometheus.NewRegistry(), group: map[kafka.TopicPartition]ledger.CommitPoint{}}
		r.cluster.Cluster.ControlKey(kmsg.OffsetCommit.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.cluster.Cluster.KeepControl()
			return r.take(q.(*kmsg.OffsetCommitRequest))
		})
		r.cluster.Cluster.ControlKey(kmsg.OffsetFetch.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.cluster.Cluster.KeepControl()
			return r.tell(q.(*kmsg.OffsetFetchRequest))
		})
		log := slog.New(slog.DiscardHandler)
		config := &process.Config{Settings: group.Settings{Group: "g", SessionTimeout: sessionTimeout}}
		a := New(&Generation{
			Process: &process.Process{
				Config: config, Fingerprint: "f.1.1", Faults: logging.NewFaultLog(log), Recollections: discovery.Recollections{},
				Dependencies: process.Dependencies{Client: r.cluster.Client, Log: log, Metrics: report.NewMetrics(r.reg, 1), Explain: error.Error},
			},
			Member:  Member{ID: "member", Generation: 3, Lease: group.NewLease(sessionTimeout, time.Now())},
			Fetcher: fetch.New(&fetch.Config{}, nil, nil, 1, func() {}),
		})
		s := NewCommitter(a)
		s.Enter(t.Context())
		r.Committer = s
		for _, topic := range []string{"orders", "users"} {
			id := r.cluster.Topic(topic).ID
			r.open(topic, 0, id)
			r.open(topic, 1, id)
		}
		test(r)
		s.Cancel()
		s.Tasks.Wait()
	})
}

// open adds a partition.
func (r *rig) open(topic string, n int32, id wire.UUID) *Partition {
	tp := kafka.TopicPartition{Topic: topic, Partition: n}
	p := NewPartition(tp, id, &r.Schedule)
	c := r.Fetcher.Open(tp, id, 0, 0, readEpoch, 0, 0, true)
	p.Ledger, p.Committed = ledger.New(0, ledger.Frontier{}), 0
	r.assignment.Opened(p, c)
	r.assignment.Partitions[tp] = p
	return p
}

func (r *rig) part(topic string, n int32) *Partition {
	return r.assignment.Partitions[kafka.TopicPartition{Topic: topic, Partition: n}]
}

// done says that everything of a partition is, below the offset.
func (r *rig) done(p *Partition, below int64) {
	p.Ledger.Advance(below)
	p.Touch()
}

// turn commits what can be committed now, and takes the answer.
func (r *rig) turn() {
	r.Commit(time.Now())
	if r.Schedule.InFlight() {
		r.Answer(<-r.Done)
	}
}

// until turns every 50 ms until so much time has passed.
func (r *rig) until(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(50*time.Millisecond, time.Until(end)))
		r.turn()
	}
}

// sent returns the offsets of the commits that the coordinator has met since it was
// last called.
func (r *rig) sent() (commits []map[kafka.TopicPartition]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.commits {
		offsets := map[kafka.TopicPartition]int64{}
		for tp, o := range c {
			offsets[tp] = o.Offset
		}
		commits = append(commits, offsets)
	}
	r.commits = nil
	return commits
}

// one returns the offsets of the only commit since the last call.
func (r *rig) one() map[kafka.TopicPartition]int64 {
	r.t.Helper()
	commits := r.sent()
	if len(commits) != 1 {
		r.t.Fatalf("%d commits, want one: %v", len(commits), commits)
	}
	return commits[0]
}

// answers sets the answer to the partitions of a topic; the others are taken.
func (r *rig) answers(topic string, code kafka.Code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = func(tp kafka.TopicPartition) kafka.Code {
		if topic == "" || tp.Topic == topic {
			return code
		}
		return kafka.CodeOK
	}
}

func (r *rig) take(q *kmsg.OffsetCommitRequest) (kmsg.Response, error, bool) {
	time.Sleep(r.takes)
	r.mu.Lock()
	defer r.mu.Unlock()
	commit := map[kafka.TopicPartition]kmsg.OffsetCommitRequestTopicPartition{}
	r.commits = append(r.commits, commit)
	res := q.ResponseKind().(*kmsg.OffsetCommitResponse)
	offsets := 0
	for _, t := range q.Topics {
		offsets += len(t.Partitions)
	}
	for _, t := range q.Topics {
		out := kmsg.OffsetCommitResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			tp, code := kafka.TopicPartition{Topic: t.Topic, Partition: p.Partition}, kafka.CodeOK
			commit[tp] = p
			switch {
			case r.most > 0 && offsets > r.most:
				code = r.tooMany
			case r.answer != nil:
				code = r.answer(tp)
			}
			if code == silence {
				return nil, errors.New("hang up"), true
			}
			if code == kafka.CodeOK {
				at := ledger.CommitPoint{Offset: p.Offset}
				if p.Metadata != nil {
					at.Metadata = *p.Metadata
				}
				r.group[tp] = at
			}
			out.Partitions = append(out.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: int16(code)})
		}
		res.Topics = append(res.Topics, out)
	}
	return res, nil, true
}

func (r *rig) tell(q *kmsg.OffsetFetchRequest) (kmsg.Response, error, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	res := q.ResponseKind().(*kmsg.OffsetFetchResponse)
	for _, t := range q.Topics {
		out := kmsg.OffsetFetchResponseTopic{Topic: t.Topic}
		for _, n := range t.Partitions {
			tp := kafka.TopicPartition{Topic: t.Topic, Partition: n}
			at, known := r.group[tp]
			if !known {
				at.Offset = -1
			}
			code := kafka.CodeOK
			if r.told != nil {
				at, code = r.told(tp)
			}
			if code == silence {
				return nil, errors.New("hang up"), true
			}
			out.Partitions = append(out.Partitions, kmsg.OffsetFetchResponseTopicPartition{Partition: n, Offset: at.Offset, Metadata: &at.Metadata, ErrorCode: int16(code)})
		}
		res.Topics = append(res.Topics, out)
	}
	return res, nil, true
}

// metric returns the value of a counter or a gauge with the label.
func (r *rig) metric(name, label string) float64 { return metricOf(r.t, r.reg, name, label) }

func metricOf(t *testing.T, reg *prometheus.Registry, name, label string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}
