package session

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/kafkarig"
)

// answered takes the answer to a commit of both partitions that was sent then.
func (r *sessionRig) answered(sent time.Time, code kafka.Code) {
	res := assignment.CommitResult{Sent: sent}
	for n := range int32(2) {
		o := r.commits.CommitOf(r.part(n))
		res.Commit.Offsets = append(res.Commit.Offsets, o)
		res.Results = append(res.Results, kafka.CommitResult{CommitOffset: o, Code: code})
	}
	r.commits.Answer(res)
	r.commits.Schedule.Sent(time.Now(), 0) // no other one goes out
}

// The group counts the session from when a commit reached it: its answer may be
// long on its way.
func TestSession_theLeaseCountsFromTheSendingOfACommit(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		sent := time.Now()
		time.Sleep(r.Config.SessionTimeout / 2)
		r.answered(sent, kafka.CodeOK)
		time.Sleep(time.Until(sent.Add(r.Config.SessionTimeout - time.Millisecond)))
		if err := r.Member.Lease.Check(); err != nil {
			t.Errorf("the lease ends early: %v", err)
		}
		time.Sleep(time.Millisecond)
		if r.Member.Lease.Check() == nil {
			t.Error("the lease outlasts the session")
		}
	})
}

// A broker may allow less metadata than is usual, or none: the offset is
// committed all the same, with as much as it takes.
func TestSession_metadataThatIsRefusedIsMadeSmaller(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = func(string) Outcome { return overloaded }
		for i := range int64(40) {
			r.feed(0, runOf(fmt.Sprint("namespace-with-a-long-name-", i), 10*i, 10*i+9)...)
		}
		last := len(r.commits.CommitOf(r.part(0)).Metadata)
		for range 13 { // 4,096 characters, halved each time
			r.answered(time.Now(), kafka.CodeMetadataTooLarge)
			if !r.part(0).Dirty {
				t.Fatal("the offset is not sent again")
			}
			now := len(r.commits.CommitOf(r.part(0)).Metadata)
			if now > last {
				t.Errorf("%d characters after %d were refused", now, last)
			}
			last = now
		}
		if o := r.commits.CommitOf(r.part(0)); o.Metadata != "" || o.Offset != 0 {
			t.Errorf("commit %+v where no metadata is taken", o)
		}
	})
}

// What is stored of a topic after it was deleted is nobody's business: a commit
// would stand for the topic of the same name that comes next.
func TestSession_aDeletedTopicIsCommittedNoMore(t *testing.T) {
	runningSession(t, func(r *sessionRun) {
		r.api.put = func(*fakeImport) Outcome {
			time.Sleep(10 * time.Second)
			return accepted
		}
	}, func(r *sessionRun) {
		time.Sleep(age + time.Second)
		if err := r.Cluster.DeleteTopic("orders"); err != nil {
			t.Fatal(err)
		}
		<-r.returned
		if len(r.api.lines("good")) == 0 {
			t.Error("the import that was under way is not awaited")
		}
		r.offset(0)
	})
}

// A partition that the answer to a commit leaves out is not committed.
func TestClient_commitWithoutAResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		r.Cluster.ControlKey(kmsg.OffsetCommit.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			return q.ResponseKind(), nil, true
		})
		results, err := r.Client.CommitOffsets(t.Context(), kafka.Commit{Group: "g", Generation: 1, MemberID: "m", Offsets: []kafka.CommitOffset{{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: 0}, Offset: 5}}})
		if err != nil || len(results) != 1 || results[0].Code == kafka.CodeOK {
			t.Errorf("%+v, %v", results, err)
		}
	})
}
