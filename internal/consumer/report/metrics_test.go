package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/batcher"
)

// closedSets are the counters and gauges of contract whose labels have a closed
// set of values, beside what they are at the start.
const closedSets = `bridge_api_missing{} 0
bridge_commits_total{result="error"} 0
bridge_commits_total{result="fenced"} 0
bridge_commits_total{result="ok"} 0
bridge_credentials_refused{target="api"} 0
bridge_credentials_refused{target="kafka"} 0
bridge_credentials_refused{target="registry"} 0
bridge_fetch_paused_seconds_total{reason="held"} 0
bridge_fetch_paused_seconds_total{reason="memory"} 0
bridge_import_possible_repeats_total{} 0
bridge_kafka_errors_total{operation="commit"} 0
bridge_kafka_errors_total{operation="decode"} 0
bridge_kafka_errors_total{operation="fetch"} 0
bridge_kafka_errors_total{operation="heartbeat"} 0
bridge_kafka_errors_total{operation="join"} 0
bridge_kafka_errors_total{operation="metadata"} 0
bridge_kafka_errors_total{operation="produce"} 0
bridge_kafka_throttled_seconds_total{} 0
bridge_last_successful_import_timestamp_seconds{} 0
bridge_partitions_forgotten_total{} 0
bridge_rebalances_total{} 0
`

// topicSets are those of a topic that is read.
const topicSets = `bridge_dlq_records_total{reason="bad_id",topic="orders"} 0
bridge_dlq_records_total{reason="bad_namespace",topic="orders"} 0
bridge_dlq_records_total{reason="no_id",topic="orders"} 0
bridge_dlq_records_total{reason="no_namespace",topic="orders"} 0
bridge_dlq_records_total{reason="no_value",topic="orders"} 0
bridge_dlq_records_total{reason="not_decodable",topic="orders"} 0
bridge_dlq_records_total{reason="not_json",topic="orders"} 0
bridge_dlq_records_total{reason="refused",topic="orders"} 0
bridge_dlq_records_total{reason="tombstone",topic="orders"} 0
bridge_dlq_records_total{reason="too_large",topic="orders"} 0
bridge_offset_resets_total{reason="below_log_start",topic="orders"} 0
bridge_offset_resets_total{reason="beyond_end",topic="orders"} 0
bridge_offset_resets_total{reason="recreated",topic="orders"} 0
bridge_records_consumed_total{topic="orders"} 0
bridge_records_lost_total{topic="orders"} 0
bridge_records_rejected_total{reason="bad_id",topic="orders"} 0
bridge_records_rejected_total{reason="bad_namespace",topic="orders"} 0
bridge_records_rejected_total{reason="no_id",topic="orders"} 0
bridge_records_rejected_total{reason="no_namespace",topic="orders"} 0
bridge_records_rejected_total{reason="no_value",topic="orders"} 0
bridge_records_rejected_total{reason="not_decodable",topic="orders"} 0
bridge_records_rejected_total{reason="not_json",topic="orders"} 0
bridge_records_rejected_total{reason="refused",topic="orders"} 0
bridge_records_rejected_total{reason="too_large",topic="orders"} 0
bridge_records_skipped_total{reason="already_imported",topic="orders"} 0
bridge_records_skipped_total{reason="invalid",topic="orders"} 0
bridge_records_skipped_total{reason="operator",topic="orders"} 0
bridge_records_skipped_total{reason="receipt",topic="orders"} 0
bridge_records_skipped_total{reason="tombstone",topic="orders"} 0
`

// scraped lists the counters and gauges of a registry, but for those of
// prefixes to leave out, sorted.
func scraped(t *testing.T, reg *prometheus.Registry, leaveOut ...string) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range families {
		if slices.ContainsFunc(leaveOut, func(p string) bool { return strings.HasPrefix(f.GetName(), p) }) {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.Histogram != nil {
				continue
			}
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			lines = append(lines, fmt.Sprintf("%s{%s} %v\n", f.GetName(), strings.Join(labels, ","), m.GetCounter().GetValue()+m.GetGauge().GetValue()))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestMetrics_closedLabelSetsAreZeroFromTheStart(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg, 10)
	if got := scraped(t, reg); got != closedSets {
		t.Errorf("at the start\n%s\nwant\n%s", got, closedSets)
	}
	m.topic("orders")
	if got := scraped(t, reg); got != sortLines(closedSets+topicSets) {
		t.Errorf("with a topic\n%s\nwant\n%s", got, sortLines(closedSets+topicSets))
	}
	m.Flushed(&batcher.Batch{Namespace: "acme", Reason: batcher.ReasonAge})
	var want []string
	for _, r := range []string{"bytes", "records", "age", "memory", "rebalance", "shutdown"} {
		want = append(want, fmt.Sprintf("bridge_batches_flushed_total{namespace=\"acme\",reason=%q} %d", r, map[bool]int{true: 1}[r == "age"]))
	}
	if got := scraped(t, reg); !containsAll(got, want) {
		t.Errorf("with a namespace\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func sortLines(text string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func containsAll(text string, lines []string) bool {
	return !slices.ContainsFunc(lines, func(l string) bool { return !strings.Contains(text, l+"\n") })
}

// fixedSource is a loop that has stopped to turn.
type fixedSource struct{ *Status }

func (s fixedSource) Snapshot(context.Context, bool) (*Status, error) { return s.Status, nil }

func (s fixedSource) IsMember() bool { return true }

// TestMetrics_lint checks names, helps and units of everything, gauges of work,
// trouble and a held record included.
func TestMetrics_lint(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	metrics := NewMetrics(reg, 10)
	metrics.Attach(fixedSource{&Status{
		Buffer:     BufferStatus{Bytes: 5, LimitBytes: 16 << 20},
		Partitions: []PartitionStatus{{Topic: "orders", Partition: 3, CommittedOffset: 7, NextOffset: 9, State: "held", Omitted: 2, Unread: 4}},
		Namespaces: []NamespaceStatus{{Name: "bad", State: "held", HoldReason: "create_422"}},
		Gauges:     Gauges{UploadLimit: 4, NamespacesHeld: 1, PartitionsHeld: 1},
	}})
	metrics.topic("orders")
	metrics.Flushed(&batcher.Batch{Namespace: "acme", Reason: batcher.ReasonAge})
	metrics.Stored(&batcher.Batch{Namespace: "acme", Records: 2, Bytes: 100, OldestTimestamp: 1_700_000_000_000}, time.UnixMilli(1_700_000_002_000))
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	text := scraped(t, reg)
	for _, want := range []string{
		`bridge_records_uploaded_total{namespace="acme"} 2`, `bridge_bytes_uploaded_total{namespace="acme"} 100`,
		`bridge_last_successful_import_timestamp_seconds{} 1.700000002e+09`, `bridge_group_member{} 1`, `bridge_assigned_partitions{} 1`,
		`bridge_frontier_omitted_namespaces{partition="3",topic="orders"} 2`, `bridge_namespace_held{namespace="bad",reason="create_422"} 1`, `bridge_partitions_held{} 1`,
		`bridge_buffer_limit_bytes{} 1.6777216e+07`, `bridge_upload_concurrency_limit{} 4`,
	} {
		if !containsAll(text, []string{want}) {
			t.Errorf("missing %s in\n%s", want, text)
		}
	}
}

func TestMetrics_boundsNamespaces(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg, 2)
	for _, name := range []string{"a", "b", "c", "d", "a"} {
		m.Flushed(&batcher.Batch{Namespace: name, Reason: batcher.ReasonAge})
		m.Stored(&batcher.Batch{Namespace: name, Records: 1, Bytes: 10}, time.UnixMilli(1_700_000_000_000))
	}
	text := scraped(t, reg)
	want := []string{
		`bridge_records_uploaded_total{namespace="a"} 2`, `bridge_records_uploaded_total{namespace="b"} 1`, `bridge_records_uploaded_total{namespace="other"} 2`,
		`bridge_batches_flushed_total{namespace="other",reason="age"} 2`,
		`bridge_batches_flushed_total{namespace="other",reason="memory"} 0`, `bridge_batches_flushed_total{namespace="other",reason="bytes"} 0`,
	}
	if !containsAll(text, want) || strings.Contains(text, `namespace="c"`) {
		t.Errorf("series\n%s\nwant\n%s", text, strings.Join(want, "\n"))
	}
	// The held ones beyond the maximum are one series per reason.
	var held []string
	m.collectHeld(func(_ *prometheus.Desc, v float64, labels ...string) {
		held = append(held, fmt.Sprintf("%s %s %v", labels[0], labels[1], v))
	}, []NamespaceStatus{
		{Name: "a", State: "held", HoldReason: "create_422"}, {Name: "b", State: "retrying"},
		{Name: "c", State: "held", HoldReason: "create_422"}, {Name: "d", State: "held", HoldReason: "create_422"},
	})
	slices.Sort(held)
	if !slices.Equal(held, []string{"a create_422 1", "other create_422 2"}) {
		t.Errorf("held namespaces %q", held)
	}
}

// Topics of a regular expression that come and go leave no series behind. Those
// that stay keep what they have counted.
func TestMetrics_topicsThatAreGone(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	m := NewMetrics(reg, 10)
	m.Subscribed([]string{"stays"})
	m.Consumed("stays", 3)
	before := strings.Count(scraped(t, reg), "\n")
	for i := range 150 {
		topic := fmt.Sprintf("tenant-%d", i)
		m.Subscribed([]string{"stays", topic})
		m.Consumed(topic, 1)
		m.Skipped.WithLabelValues(topic, "tombstone").Inc()
		m.Rejected.WithLabelValues(topic, "not_json").Inc()
		m.DeadLetters.WithLabelValues(topic, "not_json").Inc()
		m.OffsetResets.WithLabelValues(topic, "recreated").Inc()
	}
	m.Subscribed([]string{"stays"})
	text := scraped(t, reg)
	if after := strings.Count(text, "\n"); after != before || !containsAll(text, []string{`bridge_records_consumed_total{topic="stays"} 3`}) {
		t.Errorf("%d lines, before %d:\n%s", after, before, text)
	}
	m.Subscribed(nil)
	if text := scraped(t, reg); strings.Contains(text, "topic=") {
		t.Errorf("without topics:\n%s", text)
	}
}
