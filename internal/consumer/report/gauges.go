package report

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// scrapeTimeout bounds how long a scrape waits for the loop.
const scrapeTimeout = 2 * time.Second

// gauges collects what the loop knows at the moment of a scrape.
type gauges Metrics

// gauge is one figure, and where it is found.
type gauge[T any] struct {
	*prometheus.Desc
	value func(*T) float64
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bridge_"+name, help, labels, nil)
}

var (
	member  = desc("group_member", "1 while this process is a member of the group.")
	heldNow = desc("namespace_held", "1 while the namespace is held.", "namespace", "reason")
)

// ofProcess are the figures of the process.
var ofProcess = []gauge[Status]{
	{desc("assigned_partitions", "Partitions assigned to this process."), func(st *Status) float64 { return float64(len(st.Partitions)) }},
	{desc("batches_waiting", "Closed batches that wait for a slot or a retry."), func(st *Status) float64 { return float64(st.Gauges.Waiting) }},
	{desc("upload_concurrency_limit", "Imports that may be in flight."), func(st *Status) float64 { return float64(st.Gauges.UploadLimit) }},
	{desc("buffered_bytes", "Bytes fetched, open and uploading."), func(st *Status) float64 { return float64(st.Buffer.Bytes) }},
	{desc("buffer_limit_bytes", "BRIDGE_BUFFER_MAX_BYTES."), func(st *Status) float64 { return float64(st.Buffer.LimitBytes) }},
	{desc("open_batches", "Batches being filled."), func(st *Status) float64 { return float64(st.Gauges.OpenBatches) }},
	{desc("uploads_in_flight", "Attempts under way."), func(st *Status) float64 { return float64(st.Gauges.Flying) }},
	{desc("oldest_unflushed_record_age_seconds", "Time since the oldest unstored batch was opened."), oldestAge},
	{desc("namespaces_held", "Namespaces that are held."), func(st *Status) float64 { return float64(st.Gauges.NamespacesHeld) }},
	{desc("partitions_held", "Partitions whose committed offset a policy pins, that are held, or whose log is damaged."), func(st *Status) float64 { return float64(st.Gauges.PartitionsHeld) }},
}

func oldestAge(st *Status) float64 {
	if st.Gauges.Oldest.IsZero() {
		return 0
	}
	return time.Since(st.Gauges.Oldest).Seconds()
}

// ofPartition are the figures of each partition whose start is known.
var ofPartition = []gauge[PartitionStatus]{
	{partitionDesc("kafka_lag_records", "High watermark less committed offset."), func(p *PartitionStatus) float64 { return float64(p.LagRecords) }},
	{partitionDesc("kafka_lag_seconds", "Age of the oldest record that is not committed, 0 when there is none."), func(p *PartitionStatus) float64 { return p.LagSeconds }},
	{partitionDesc("kafka_unread_records", "Last stable offset (high watermark, if uncommitted records are read) less the position: what more replicas could help with."),
		func(p *PartitionStatus) float64 { return float64(p.Unread) }},
	{partitionDesc("kafka_committed_offset", "Committed offset."), func(p *PartitionStatus) float64 { return float64(max(p.CommittedOffset, 0)) }},
	{partitionDesc("kafka_log_start_offset", "First offset that the log still holds."), func(p *PartitionStatus) float64 { return float64(p.LogStartOffset) }},
	{partitionDesc("frontier_omitted_namespaces", "Namespaces whose progress did not fit into the commit metadata; a crash may repeat them."),
		func(p *PartitionStatus) float64 { return float64(p.Omitted) }},
}

func partitionDesc(name, help string) *prometheus.Desc { return desc(name, help, "topic", "partition") }

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- member
	ch <- heldNow
	for _, f := range ofProcess {
		ch <- f.Desc
	}
	for _, f := range ofPartition {
		ch <- f.Desc
	}
}

// Collect implements prometheus.Collector. A loop that does not answer leaves
// its gauges out.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	m := (*Metrics)(g)
	m.mu.Lock()
	source := m.source
	m.mu.Unlock()
	if source == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	st, err := source.Snapshot(ctx, false)
	if err != nil {
		return
	}
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	send(member, number(source.IsMember()))
	for _, f := range ofProcess {
		send(f.Desc, f.value(st))
	}
	for i := range st.Partitions {
		p := &st.Partitions[i]
		for _, f := range ofPartition {
			if p.NextOffset >= 0 {
				send(f.Desc, f.value(p), p.Topic, strconv.Itoa(int(p.Partition)))
			}
		}
	}
	m.collectHeld(send, st.Namespaces)
}

// collectHeld exports the held namespaces, those beyond the maximum as one.
func (m *Metrics) collectHeld(send func(*prometheus.Desc, float64, ...string), list []NamespaceStatus) {
	others := map[string]float64{}
	for i := range list {
		if n := &list[i]; n.State == "held" {
			if l := m.Label(n.Name); l != otherNamespaces {
				send(heldNow, 1, l, n.HoldReason)
			} else {
				others[n.HoldReason]++
			}
		}
	}
	for reason, count := range others {
		send(heldNow, count, otherNamespaces, reason)
	}
}
