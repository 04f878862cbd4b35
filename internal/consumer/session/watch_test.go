package session

import (
	"cmp"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
)

var otherTopic = wire.UUID{3}

// watchRig is a session that watches the topics orders and users, of which the
// test says what the brokers know.
type watchRig struct {
	*sessionRig
	says atomic.Pointer[watched]
	once atomic.Pointer[watched] // what is said once, before that
}

// watched is what the brokers say, beside that users has one partition.
type watched struct {
	leader, partitions int32 // of orders
	usersCode          kafka.Code
}

func inWatch(t *testing.T, test func(*watchRig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster := kafkarig.New(t, kafka.Config{})
		r := new(watchRig)
		r.sessionRig = newSessionRig(t, nil, func(c *process.Config) { c.Topics.Topics = []string{"orders", "users"} })
		r.Client = cluster.Client
		r.Member.Topics, r.Member.Parts["users"], r.Member.IDs["users"] = []string{"orders", "users"}, 1, otherTopic
		cluster.Cluster.ControlKey(int16(kmsg.Metadata), func(q kmsg.Request) (kmsg.Response, error, bool) {
			cluster.Cluster.KeepControl()
			if len(q.(*kmsg.MetadataRequest).Topics) != 2 {
				return nil, nil, false // the library's own
			}
			is := cmp.Or(r.once.Swap(nil), r.says.Load())
			answer := q.ResponseKind().(*kmsg.MetadataResponse)
			answer.Topics = []kmsg.MetadataResponseTopic{topicAnswer("orders", ownTopic, kafka.CodeOK, is.leader, is.partitions), topicAnswer("users", otherTopic, is.usersCode, 1, 1)}
			return answer, nil, true
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		watch := r.watching()
		go func() { // ends with ctx
			defer close(done)
			watch.Run(ctx, nil, r.found)
		}()
		test(r)
		cancel()
		<-done
	})
}

func topicAnswer(name string, id wire.UUID, code kafka.Code, leader, partitions int32) kmsg.MetadataResponseTopic {
	t := kmsg.NewMetadataResponseTopic()
	t.Topic, t.ErrorCode = kmsg.StringPtr(name), int16(code)
	if code != kafka.CodeOK {
		return t
	}
	t.TopicID = id
	for i := range partitions {
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Partition, p.Leader = i, leader
		t.Partitions = append(t.Partitions, p)
	}
	return t
}

// refreshed lets a refresh of the metadata pass in which the brokers say this,
// and of which the loop takes note.
func (r *watchRig) refreshed(leader, partitions int32, usersCode kafka.Code) {
	r.t.Helper()
	r.says.Store(&watched{leader, partitions, usersCode})
	for until := time.Now().Add(r.Config.MetadataRefresh + time.Second); time.Now().Before(until); {
		select {
		case f := <-r.found:
			r.follow(&f, time.Now())
		case <-time.After(time.Until(until)):
		}
	}
}

func (r *watchRig) wantLeader(want int32) {
	r.t.Helper()
	if got := r.Fetcher.Standing(r.part(0).Cursor).Leader; got != want {
		r.t.Errorf("leader of orders is %d, want %d", got, want)
	}
}

// TestWatch_aTopicThatIsRefusedHidesNothingOfTheOthers: the permission to
// describe users is taken away while the session runs.
func TestWatch_aTopicThatIsRefusedHidesNothingOfTheOthers(t *testing.T) {
	inWatch(t, func(r *watchRig) {
		log := r.listen()
		r.refreshed(1, 2, kafka.CodeOK)
		r.wantLeader(1)
		r.refreshed(2, 2, kafka.CodeTopicDenied)
		r.wantLeader(2)
		if !strings.Contains(log.String(), "metadata cannot be refreshed") || !strings.Contains(log.String(), "topics=[users]") {
			t.Errorf("nobody learns of the refused topic:\n%s", log)
		}
		if r.metric("bridge_kafka_errors_total", "metadata") == 0 {
			t.Error("the refused topic is not counted")
		}
		if r.Mode != assignment.Running {
			t.Error("the generation ends for a topic of which nothing is known")
		}
		r.refreshed(2, 2, kafka.CodeOK)
		if r.Mode != assignment.Running {
			t.Error("the generation ends although nothing has changed")
		}
		r.refreshed(2, 3, kafka.CodeTopicDenied)
		if r.Mode != assignment.Draining {
			t.Errorf("mode %d: a new partition of orders must begin a generation", r.Mode)
		}
	})
}

// A broker that has just started may not know all topics yet: what it says ends no
// generation unless it is said again.
func TestWatch_aChangeIsAskedAboutAgain(t *testing.T) {
	inWatch(t, func(r *watchRig) {
		r.refreshed(1, 2, kafka.CodeOK)
		r.once.Store(&watched{1, 3, kafka.CodeOK})
		r.refreshed(1, 2, kafka.CodeOK)
		if r.Mode != assignment.Running {
			t.Error("the generation ends for what was said once")
		}
		r.refreshed(1, 3, kafka.CodeOK)
		if r.Mode != assignment.Draining {
			t.Errorf("mode %d: a new partition must begin a generation", r.Mode)
		}
	})
}
