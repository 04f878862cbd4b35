package session

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// TestStatus_listsTheWorstNamespacesFirstAndNotAll opens more than are listed: the
// oldest remain, and of these the ones with most bytes come first.
func TestStatus_listsTheWorstNamespacesFirstAndNotAll(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		const namespaces = report.MaxStatusNamespaces + 100
		var records []recordbatch.Record
		for o := range int64(namespaces) {
			records = append(records, recordbatch.InNS(o, fmt.Sprintf("n%04d", o)))
		}
		r.api.create = func(ns string) Outcome {
			switch ns {
			case "held":
				return refusal
			case "retrying":
				return overloaded
			}
			return accepted
		}
		r.feed(1, append(runOf("held", 0, 9), runOf("retrying", 10, 19)...)...)
		r.feed(0, append(records, recordbatch.InNS(namespaces, "n0042"))...)
		st := r.status()
		if len(st.Namespaces) != report.MaxStatusNamespaces || st.NamespacesOmitted != 102 {
			t.Errorf("%d namespaces are listed, %d left out", len(st.Namespaces), st.NamespacesOmitted)
		}
		var got []string
		for _, n := range st.Namespaces[:4] {
			got = append(got, fmt.Sprintf("%s %s %d", n.Name, n.State, n.BufferedRecords))
		}
		if want := "[held held 0 retrying retrying 10 n0042 open 2 n0100 open 1]"; fmt.Sprint(got) != want {
			t.Errorf("first come %v, want %s", got, want)
		}
		if g := st.Gauges; g.NamespacesHeld != 1 || g.PartitionsHeld != 1 || g.OpenBatches != namespaces || g.Waiting != 1 || g.Oldest.IsZero() {
			t.Errorf("gauges %+v", g)
		}
		if st.Buffer.Bytes < r.Pool.InUse() || st.Buffer.Bytes == 0 {
			t.Errorf("%d bytes are buffered, want at least %d", st.Buffer.Bytes, r.Pool.InUse())
		}
	})
}

func TestStatus_tellsWherePartitionsStand(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 4)...)
		p := r.status().Partitions[0]
		if p.Topic != "orders" || p.Partition != 0 || p.CommittedOffset != -1 || p.NextOffset != 5 || p.HighWatermark != 1000 || p.LagRecords != 995 || p.Unread != 995 || p.State != "reading" {
			t.Errorf("status %+v", p)
		}
		if p.PinnedBy == nil || p.PinnedBy.Kind != "batch" || p.PinnedBy.Namespace != "a" || p.PinnedBy.Offset != 0 {
			t.Errorf("pinned by %+v", p.PinnedBy)
		}
		r.intake.faulted(r.part(0), &fetch.Fault{Kind: fetch.FaultCorrupt, Offset: 5, Err: errors.New("checksum is wrong")}, time.Now())
		if p := r.status().Partitions[0]; p.State != "failed" || p.Error == nil || *p.Error != "checksum is wrong" {
			t.Errorf("status of a partition that cannot be read: %+v", p)
		}
		if p := r.status().Partitions[1]; p.State != "reading" || p.Error != nil || p.PinnedBy != nil {
			t.Errorf("status of the other: %+v", p)
		}
		r.feed(0, recordbatch.InNS(5, "a"))
		if p := r.status().Partitions[0]; p.State != "reading" || p.Error != nil {
			t.Errorf("status after it could be read again: %+v", p)
		}
	})
}

// TestStatus_saysWhyARecordIsHeld holds two records: the first one pins the
// offset, so its reason is told.
func TestStatus_saysWhyARecordIsHeld(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, recordbatch.InNS(0, "a"), recordbatch.Record{Offset: 1, Value: []byte("{")}, recordbatch.Record{Offset: 2, Value: []byte(`{"ns":"a"}`)})
		r.after(age)
		p := r.status().Partitions[0]
		if p.PinnedBy == nil || p.PinnedBy.Kind != "held_record" || p.PinnedBy.Offset != 1 || p.PinnedBy.Reason != "not_json: the value ends too early, at byte 1" {
			t.Errorf("pinned by %+v", p.PinnedBy)
		}
	})
}

// TestStatus_saysWhatWouldHelp: what keeps a partition from being read, and letters from
// being written, is told with its remedy.
func TestStatus_saysWhatWouldHelp(t *testing.T) {
	letters := &fakeLetters{write: func(*letters.Letter) error { return kafka.CodeTopicDenied }}
	inSession(t, func(r *sessionRig) {
		r.Explain = func(err error) string { return "grant it: " + err.Error() }
		r.Config.OnInvalid, r.Config.DLQTopic, r.Letters = record.DeadLetter, "dead", letters
		r.intake.faulted(r.part(1), &fetch.Fault{Err: kafka.CodeTopicDenied}, time.Now())
		if p := r.status().Partitions[1]; p.Error == nil || *p.Error != "grant it: "+kafka.CodeTopicDenied.Error() {
			t.Errorf("status of a partition that may not be read: %+v", p)
		}
		r.feed(0, recordbatch.Record{Offset: 0, Value: []byte("{")})
		r.after(time.Second)
		if p := r.status().Partitions[0].PinnedBy; p == nil || p.Kind != "dead_letter" || p.Reason != "dead letters cannot be written to dead: grant it: "+kafka.CodeTopicDenied.Error() {
			t.Errorf("pinned by %+v", p)
		}
	})
}

// TestStatus_tellsWhatIsAway loses the coordinator and the API's favour, and
// has both again.
func TestStatus_tellsWhatIsAway(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		expect := func(when string, kafka, api bool) {
			t.Helper()
			if st := r.status(); (st.KafkaError != nil) != kafka || (st.APIError != nil) != api {
				t.Errorf("%s: errors of Kafka %v, of the API %v", when, st.KafkaError, st.APIError)
			}
		}
		expect("at first", false, false)
		r.commits.Answer(assignment.CommitResult{Err: errors.New("connection refused")})
		r.commits.Schedule.Sent(time.Now(), 0) // no commit goes out
		expect("without the coordinator", true, false)
		offsets := []kafka.CommitOffset{{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: 0}}}
		r.commits.Answer(assignment.CommitResult{Sent: time.Now(), Commit: kafka.Commit{Offsets: offsets}, Results: []kafka.CommitResult{{CommitOffset: offsets[0]}}})
		r.commits.Schedule.Sent(time.Now(), 0)
		expect("with the coordinator", false, false)

		refused := true
		r.api.create = func(string) Outcome {
			if refused {
				return Outcome{Class: Unauthorised, Status: 401, Delay: 30 * time.Second, Err: errors.New("unauthorised")}
			}
			return accepted
		}
		r.feed(0, runOf("a", 0, 9)...)
		expect("with a refused key", false, true)
		refused = false
		r.after(time.Minute)
		expect("with a key that is taken", false, false)
	})
}

// TestStatus_remembersTheLastRequestOfANamespace that is idle in between.
func TestStatus_remembersTheLastRequestOfANamespace(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 9)...)
		r.after(time.Minute)
		r.feed(0, recordbatch.InNS(10, "a"), recordbatch.InNS(11, "b"))
		for _, n := range r.status().Namespaces {
			if known := n.LastRequestID != nil && *n.LastRequestID == "req-a"; n.State != "open" || known != (n.Name == "a") {
				t.Errorf("status %+v", n)
			}
		}
	})
}

// Who asks for the status while a session ends gets an answer at once, also while the
// coordinator is slow to say what a commit without an answer has come to.
func TestSession_saysHowItIsToItsEnd(t *testing.T) {
	runningSession(t, func(r *sessionRun) {
		r.answer = func(n int) kafka.Code {
			if n == 1 {
				return codeSilence
			}
			return kafka.CodeOK
		}
	}, func(r *sessionRun) {
		time.Sleep(2 * age)
		r.frozen.Store(int64(3 * time.Second))
		began := time.Now()
		close(r.stop)
		for {
			select {
			case <-r.returned:
				if r.took(began) < 3*time.Second {
					t.Error("nothing has kept the end waiting")
				}
				return
			case <-time.After(100 * time.Millisecond):
			}
			ctx, cancel := context.WithTimeout(r.T.Context(), time.Second)
			asked := time.Now()
			if _, err := r.session.Describe(ctx, &report.Status{}, true); err != nil || time.Since(asked) > 0 {
				t.Errorf("%s after the stop: %v after %s", asked.Sub(began), err, time.Since(asked))
			}
			cancel()
		}
	})
}
