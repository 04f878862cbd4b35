package session

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/test/recordbatch"
)

// logged makes the session report faults to a text.
func (r *sessionRig) logged() *strings.Builder {
	log := &strings.Builder{}
	r.Faults = logging.NewFaultLog(slog.New(slog.NewTextHandler(log, nil)))
	return log
}

// While memory is full /status says so of each partition that has more to read, and
// the log names what fills it.
func TestSession_saysThatMemoryIsFull(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.logged()
		r.api.takes = 2 * time.Minute
		const size = 100_000
		var full []recordbatch.Record
		for o := range int64(200) {
			full = append(full, recordbatch.Record{Offset: o, Value: fmt.Appendf(nil, `{"id":"%d","ns":"a","p":%q}`, o, strings.Repeat("x", size))})
		}
		for i := 0; i < len(full) && r.memory.pending == nil; i += 5 {
			r.feed(0, full[i:i+5]...)
		}
		if r.memory.pending == nil {
			t.Fatal("memory takes all of it")
		}
		if p := r.status().Partitions[1]; p.State != "reading" || p.Error != nil {
			t.Errorf("at once: %+v", p)
		}
		r.after(fullAfter + 2*maxSleep)
		for _, p := range r.status().Partitions {
			if p.State != "paused" || p.Error == nil || !strings.Contains(*p.Error, "memory is full") || !strings.Contains(*p.Error, "most is held by a (") {
				t.Errorf("status %+v: %v", p, p.Error)
			}
		}
		if text := log.String(); strings.Count(text, "memory is full") != 1 || !strings.Contains(text, "most_is_held_by=\"a (") {
			t.Errorf("the log says\n%s", text)
		}
		r.api.takes = 0
		r.after(5 * time.Minute)
		if p := r.status().Partitions[1]; p.State != "reading" || p.Error != nil {
			t.Errorf("afterwards: %+v", p)
		}
	})
}

// Where reading waits since nothing that was read can be stored, though memory is free,
// that is what is said.
func TestSession_saysThatNothingCanBeStored(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.logged()
		r.api.create = func(string) Outcome { return overloaded }
		r.feed(0, runOf("a", 0, 9)...)
		r.after(time.Second)
		r.memory.relieve(1<<40, time.Now())
		r.Taste.Read(r.Config.BufferMaxBytes)
		r.feed(0, runOf("a", 10, 19)...)
		r.after(fullAfter + 2*maxSleep)
		if p := r.status().Partitions[0]; p.Error == nil || !strings.Contains(*p.Error, "one buffer is read in each BRIDGE_HOLD_PROBE_INTERVAL, the next one at 2000-01-01T00:01:01Z") {
			t.Errorf("status %+v: %v", p, p.Error)
		}
		if text := log.String(); strings.Contains(text, "memory is full") || !strings.Contains(text, "next_read_at=2000-01-01T00:01:01Z") {
			t.Errorf("the log says\n%s", text)
		}
		r.api.create = nil
		r.after(3 * time.Minute)
		if p := r.status().Partitions[0]; p.State != "reading" || p.Error != nil {
			t.Errorf("afterwards: %+v", p)
		}
	})
}

// A partition that waits at a transaction that nobody ends says so: soon in /status, and
// in the log once brokers let no transaction be open for longer by default.
func TestSession_saysThatATransactionIsOpen(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.logged()
		r.feed(0, runOf("a", 0, 9)...)
		r.feed(1, runOf("a", 0, 9)...)
		ends := func(n int32, stable, end int64) {
			r.part(n).Cursor.StableOffset.Store(stable)
			r.part(n).Cursor.HighWatermark.Store(end)
		}
		said := func(n int32) string {
			p := r.status().Partitions[n]
			if p.State != "reading" {
				t.Errorf("partition %d is %s", n, p.State)
			}
			if p.Error == nil {
				return ""
			}
			return *p.Error
		}
		ends(0, 10, 20)
		for i := range int64(openShownAfter/maxSleep) + 3 {
			ends(1, 8+i%2, 20) // transactions that follow each other
			r.after(maxSleep)
		}
		if got := said(0); !strings.Contains(got, "open transaction at offset 10 for ") || log.Len() > 0 {
			t.Errorf("after a while: %q, logged %q", got, log)
		}
		if got := said(1); got != "" {
			t.Errorf("where all transactions end: %q", got)
		}
		ends(1, 10, 10)
		if r.after(openLoggedAfter); said(1) != "" {
			t.Errorf("where all has been read: %q", said(1))
		}
		if text := log.String(); !strings.Contains(text, "topic=orders partition=0 offset=10") || !strings.Contains(text, "find-hanging") || strings.Contains(text, "partition=1") {
			t.Errorf("the log says\n%s", text)
		}
		ends(0, 20, 20) // and is read on
		if r.after(2 * maxSleep); said(0) != "" {
			t.Errorf("afterwards: %q", said(0))
		}
		ends(0, 20, 30) // another one, behind what is to be read before
		if r.after(openShownAfter + 2*maxSleep); said(0) != "" {
			t.Errorf("before it is there: %q", said(0))
		}
	})
}

// A broker that slows reading down is counted, and told of once a minute.
func TestSession_saysThatAQuotaIsUsedUp(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.logged()
		r.throttled(1, 12*time.Second)
		r.throttled(1, 8*time.Second)
		if text := log.String(); strings.Count(text, "quota") == 0 || !strings.Contains(text, "for=12s") || strings.Count(text, "\n") != 1 {
			t.Errorf("the log says\n%s", text)
		}
		if got := testutil.ToFloat64(r.Metrics.Throttled); got != 20 {
			t.Errorf("%v seconds are counted", got)
		}
	})
}

// refusedFetch answers code for each partition that a fetch asks for.
func refusedFetch(q kmsg.Request, code kafka.Code) kmsg.Response {
	res := q.ResponseKind().(*kmsg.FetchResponse)
	for _, topic := range q.(*kmsg.FetchRequest).Topics {
		out := kmsg.NewFetchResponseTopic()
		out.Topic, out.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			part := kmsg.NewFetchResponseTopicPartition()
			part.Partition, part.ErrorCode = p.Partition, int16(code)
			out.Partitions = append(out.Partitions, part)
		}
		res.Topics = append(res.Topics, out)
	}
	return res
}

// A failure that has passed is told no longer, also of a partition of which there is
// nothing to read.
func TestSession_aFailureOfAnIdlePartitionPasses(t *testing.T) {
	var failing atomic.Bool
	runningSession(t, func(r *sessionRun) {
		r.Cluster.ControlKey(kmsg.Fetch.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			if !failing.Load() {
				return nil, nil, false
			}
			return refusedFetch(q, kafka.CodeUnknown), nil, true
		})
	}, func(r *sessionRun) {
		state := func(want string) {
			t.Helper()
			var st report.Status
			if _, err := r.session.Describe(r.T.Context(), &st, true); err != nil || len(st.Partitions) != 1 {
				t.Fatalf("%d partitions, %v", len(st.Partitions), err)
			}
			if p := st.Partitions[0]; p.State != want || (p.Error != nil) != (want == "failed") {
				t.Errorf("the partition is %s: %v, want %s", p.State, p.Error, want)
			}
		}
		time.Sleep(2 * age)
		state("reading")
		failing.Store(true)
		time.Sleep(10 * time.Second)
		state("failed")
		failing.Store(false)
		time.Sleep(time.Minute)
		state("reading")
		rest := make(chan time.Duration)
		r.session.queries <- func(time.Time) {
			rest <- r.session.assignment.Partitions[kafka.TopicPartition{Topic: "orders", Partition: 0}].Backoff
		}
		if d := <-rest; d != 0 {
			t.Errorf("its next failure finds it tried again after more than %s", d)
		}
		r.end(true)
	})
}
