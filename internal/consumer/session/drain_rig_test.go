package session

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
	"kafka-import-bridge/test/recordbatch"
)

// coordinator stands in for the group's: it answers commits as the test wants
// and remembers them, for the topic orders.
type coordinator struct {
	answer func(n int) kafka.Code // of the nth commit; codeSilence hangs up
	asked  func()                 // before committed offsets are told
	frozen atomic.Int64           // nanoseconds that each call waits first
	most   int                    // characters of metadata that are taken

	mu        sync.Mutex
	commits   int
	refusals  int // of metadata
	committed map[int32]kafka.CommitOffset
	silent    map[int32]kafka.CommitOffset // of the last commit without an answer
}

// codeSilence closes the connection instead of answering.
const codeSilence kafka.Code = -100

func (c *coordinator) commit(q kmsg.Request) (kmsg.Response, error, bool) {
	time.Sleep(time.Duration(c.frozen.Load()))
	c.mu.Lock()
	defer c.mu.Unlock()
	req := q.(*kmsg.OffsetCommitRequest)
	c.commits++
	code := kafka.CodeOK
	if c.answer != nil {
		code = c.answer(c.commits)
	}
	into := c.committed
	if code == codeSilence {
		c.silent = map[int32]kafka.CommitOffset{}
		into = c.silent
	}
	res := req.ResponseKind().(*kmsg.OffsetCommitResponse)
	for _, t := range req.Topics {
		out := kmsg.NewOffsetCommitResponseTopic()
		out.Topic = t.Topic
		for _, p := range t.Partitions {
			code := code
			if c.most > 0 && p.Metadata != nil && len(*p.Metadata) > c.most {
				c.refusals++
				code = kafka.CodeMetadataTooLarge
			}
			if code == kafka.CodeOK || code == codeSilence {
				o := kafka.CommitOffset{Offset: p.Offset}
				if p.Metadata != nil {
					o.Metadata = *p.Metadata
				}
				into[p.Partition] = o
			}
			part := kmsg.NewOffsetCommitResponseTopicPartition()
			part.Partition, part.ErrorCode = p.Partition, int16(code)
			out.Partitions = append(out.Partitions, part)
		}
		res.Topics = append(res.Topics, out)
	}
	if code == codeSilence {
		return nil, errors.New("hang up"), true
	}
	return res, nil, true
}

func (c *coordinator) fetch(q kmsg.Request) (kmsg.Response, error, bool) {
	time.Sleep(time.Duration(c.frozen.Load()))
	c.mu.Lock()
	defer c.mu.Unlock()
	req := q.(*kmsg.OffsetFetchRequest)
	if c.asked != nil {
		c.asked()
	}
	res := req.ResponseKind().(*kmsg.OffsetFetchResponse)
	for _, t := range req.Topics {
		out := kmsg.NewOffsetFetchResponseTopic()
		out.Topic = t.Topic
		for _, n := range t.Partitions {
			p := kmsg.NewOffsetFetchResponseTopicPartition()
			p.Partition, p.Offset = n, -1
			if o, ok := c.committed[n]; ok {
				p.Offset, p.Metadata = o.Offset, &o.Metadata
			}
			out.Partitions = append(out.Partitions, p)
		}
		res.Topics = append(res.Topics, out)
	}
	return res, nil, true
}

// offsetAt returns what is committed of a partition, also while a session runs.
func (c *coordinator) offsetAt(partition int32) kafka.CommitOffset {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.committed[partition]
}

// sessionRun is a whole session on a cluster in memory.
type sessionRun struct {
	*kafkarig.Rig
	*coordinator
	t          *testing.T
	api        *fakeAPI
	session    *Session
	stop       chan struct{}
	returned   chan struct{} // closed when Run has returned
	term       *fakeTerm
	rebalance  context.CancelFunc
	unfinished bool
	ended      time.Time
}

// runningSession runs a test with a session that reads two records of the namespace
// good and, from offset 2 on, two of bad.
func runningSession(t *testing.T, prepare func(*sessionRun), test func(*sessionRun), change ...func(*Session)) {
	t.Helper()
	runningSessionOn(t, nil, prepare, test, change...)
}

// runningSessionOn is runningSession on brokers of a kind.
func runningSessionOn(t *testing.T, brokers []kfake.Opt, prepare func(*sessionRun), test func(*sessionRun), change ...func(*Session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &sessionRun{t: t, Rig: kafkarig.New(t, kafka.Config{}, brokers...), api: newFakeAPI(), stop: make(chan struct{}), returned: make(chan struct{})}
		r.coordinator = &coordinator{committed: map[int32]kafka.CommitOffset{}}
		r.Cluster.ControlKey(kmsg.OffsetCommit.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			return r.commit(q)
		})
		r.Cluster.ControlKey(kmsg.OffsetFetch.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			return r.fetch(q)
		})
		r.Produce("orders", 0, kgo.NoCompression(), string(recordbatch.LineOf(0, "good")), string(recordbatch.LineOf(1, "good")), string(recordbatch.LineOf(2, "bad")), string(recordbatch.LineOf(3, "bad")))
		prepare(r)
		p, err := process.New(testConfig(t), process.Dependencies{Client: r.Client, NewImport: r.api.NewImport, Metrics: report.NewMetrics(nil, 10), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		r.session = New(p, assignment.Member{
			ID: "member", Generation: 3, Assigned: []kafka.TopicPartition{{Topic: "orders", Partition: 0}},
			Subscription: kafka.Subscription{Cluster: "cluster", Topics: []string{"orders"}, Parts: map[string]int{"orders": 2}, IDs: map[string]wire.UUID{"orders": r.Topic("orders").ID}},
		})
		for _, c := range change {
			c(r.session)
		}
		term := newFakeTerm()
		r.term = term
		r.session.Member.Term, r.session.Member.Lease = term, group.NewLease(24*time.Hour, time.Now())
		r.rebalance = sync.OnceFunc(func() {
			term.deadline = time.Now().Add(r.session.Config.RebalanceTimeout)
			close(term.rebalance)
		})
		go func() {
			defer close(r.returned)
			r.unfinished = r.session.Run(r.stop)
			r.ended = time.Now()
		}()
		test(r)
		<-r.returned
		if used := p.Pool.InUse() + p.Lent(); used != 0 {
			t.Errorf("%d bytes are in use at the end", used)
		}
	})
}

// offset compares the committed offset at the end.
func (r *sessionRun) offset(want int64) {
	r.t.Helper()
	<-r.returned
	r.offsetNow(want)
}

// took is how long the session went on after since.
func (r *sessionRun) took(since time.Time) time.Duration {
	<-r.returned
	synctest.Wait()
	return r.ended.Sub(since)
}

// offsetNow compares the committed offset while the session runs.
func (r *sessionRun) offsetNow(want int64) {
	r.t.Helper()
	if got := r.offsetAt(0).Offset; got != want {
		r.t.Errorf("committed offset %d, want %d", got, want)
	}
}

// leader is who leads the partition. Metadata names partitions in any order.
func (r *sessionRun) leader(partition int32) int32 {
	r.t.Helper()
	for _, p := range r.Topic("orders").Partitions {
		if p.Partition == partition {
			return p.Leader
		}
	}
	r.t.Fatalf("partition %d is not in the metadata", partition)
	return -1
}
