package consumer

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
)

func TestConsumer_healthAndReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(process.Config{Topics: kafka.Selection{Topics: []string{"orders"}}, Record: settings(t), BufferMaxBytes: 16 << 20}, process.Dependencies{Metrics: report.NewMetrics(nil, 10), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ready := func(want bool, when string) {
			t.Helper()
			if err := c.Ready(); (err == nil) != want {
				t.Errorf("ready %s: %v, want %t", when, err, want)
			}
		}
		state := func(want string) {
			t.Helper()
			st, err := c.Status(context.Background())
			if err != nil || st.State != want {
				t.Errorf("state %+v, %v, want %s", st, err, want)
			}
		}
		ready(false, "before joining")
		state(report.Waiting)
		c.state.joined("member", 1)
		ready(true, "as a member")
		state(report.Running)
		c.state.joining()
		ready(true, "during a rebalance")
		c.state.outside("no broker answers")
		ready(false, "without brokers")
		if st, err := c.Status(t.Context()); err != nil || st.KafkaError == nil || *st.KafkaError != "no broker answers" {
			t.Errorf("status %+v, %v", st, err)
		}
		c.state.joined("member", 2)
		c.state.stop()
		ready(false, "while stopping")
		if !c.IsMember() {
			t.Error("a member that stops is one until it has left")
		}
		if c.state.runs(lostLoop{}); c.IsMember() {
			t.Error("a member that has not reached the group for a whole session is none")
		}
		c.state.runs(nil)
		c.state.stopped()
		state(report.Stopped)

		c.process.Pulse.Beat(time.Now())
		time.Sleep(stuckAfter)
		if err := c.Healthy(); err != nil {
			t.Errorf("after a minute: %v", err)
		}
		time.Sleep(time.Second)
		if err := c.Healthy(); err == nil {
			t.Error("a loop that has stood still for more than a minute is healthy")
		}
	})
}

// lostLoop has not reached the group for a whole session.
type lostLoop struct{ loop }

func (lostLoop) Away() bool { return true }

// settings take namespaces and id from the fields ns and id.
func settings(t *testing.T) record.Settings {
	t.Helper()
	var namespace record.NamespaceSource
	if err := namespace.UnmarshalText([]byte("field:ns")); err != nil {
		t.Fatal(err)
	}
	var id record.IDSource
	if err := id.UnmarshalText([]byte("field:id")); err != nil {
		t.Fatal(err)
	}
	return record.Settings{Namespace: namespace, ID: id}
}
