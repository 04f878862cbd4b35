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

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bridge_"+name, help, labels, nil)
}

var (
	descLagRecords  = desc("kafka_lag_records", "High watermark less committed offset.", "topic", "partition")
	descLagSeconds  = desc("kafka_lag_seconds", "Age of the oldest record that is not committed, 0 when there is none.", "topic", "partition")
	descUnread      = desc("kafka_unread_records", "Last stable offset (high watermark, if uncommitted records are read) less the position: what more replicas could help with.", "topic", "partition")
	descCommitted   = desc("kafka_committed_offset", "Committed offset.", "topic", "partition")
	descLogStart    = desc("kafka_log_start_offset", "First offset that the log still holds.", "topic", "partition")
	descOmitted     = desc("frontier_omitted_namespaces", "Namespaces whose progress did not fit into the commit metadata; a crash may repeat them.", "topic", "partition")
	descMember      = desc("group_member", "1 while this process is a member of the group.")
	descAssigned    = desc("assigned_partitions", "Partitions assigned to this process.")
	descHeldNS      = desc("namespace_held", "1 while the namespace is held.", "namespace", "reason")
	descWaiting     = desc("batches_waiting", "Closed batches that wait for a slot or a retry.")
	descLimit       = desc("upload_concurrency_limit", "Imports that may be in flight.")
	descBuffered    = desc("buffered_bytes", "Bytes fetched, open and uploading.")
	descBufferLimit = desc("buffer_limit_bytes", "BRIDGE_BUFFER_MAX_BYTES.")
	descOpen        = desc("open_batches", "Batches being filled.")
	descFlying      = desc("uploads_in_flight", "Attempts under way.")
	descOldest      = desc("oldest_unflushed_record_age_seconds", "Time since the oldest unstored batch was opened.")
	descNSHeld      = desc("namespaces_held", "Namespaces that are held.")
	descPartsHeld   = desc("partitions_held", "Partitions whose committed offset a policy pins, or that are held.")
)

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLagRecords, descLagSeconds, descUnread, descCommitted, descLogStart, descOmitted, descMember, descAssigned,
		descHeldNS, descWaiting, descLimit, descBuffered, descBufferLimit, descOpen, descFlying, descOldest, descNSHeld, descPartsHeld} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. A loop that does not answer leaves
// its gauges out.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	m := (*Metrics)(g)
	m.mu.Lock()
	c := m.source
	m.mu.Unlock()
	if c == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	st, err := c.Snapshot(ctx, false)
	if err != nil {
		return
	}
	send := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	member := 0.0
	if c.IsMember() {
		member = 1
	}
	send(descMember, member)
	send(descAssigned, float64(len(st.Partitions)))
	send(descWaiting, float64(st.Gauges.Waiting))
	send(descLimit, float64(st.Gauges.UploadLimit))
	send(descBuffered, float64(st.Buffer.Bytes))
	send(descBufferLimit, float64(st.Buffer.LimitBytes))
	send(descOpen, float64(st.Gauges.OpenBatches))
	send(descFlying, float64(st.Gauges.Flying))
	age := 0.0
	if !st.Gauges.Oldest.IsZero() {
		age = time.Since(st.Gauges.Oldest).Seconds()
	}
	send(descOldest, age)
	send(descNSHeld, float64(st.Gauges.NamespacesHeld))
	send(descPartsHeld, float64(st.Gauges.PartitionsHeld))
	for i := range st.Partitions {
		collectPartition(send, &st.Partitions[i])
	}
	m.collectHeld(send, st.Namespaces)
}

func collectPartition(send func(*prometheus.Desc, float64, ...string), p *PartitionStatus) {
	if p.NextOffset < 0 {
		return
	}
	labels := []string{p.Topic, strconv.Itoa(int(p.Partition))}
	send(descLagRecords, float64(p.LagRecords), labels...)
	send(descLagSeconds, p.LagSeconds, labels...)
	send(descUnread, float64(p.Unread), labels...)
	send(descCommitted, float64(max(p.CommittedOffset, 0)), labels...)
	send(descLogStart, float64(p.LogStartOffset), labels...)
	send(descOmitted, float64(p.Omitted), labels...)
}

// collectHeld exports the held namespaces, those beyond the maximum as one.
func (m *Metrics) collectHeld(send func(*prometheus.Desc, float64, ...string), list []NamespaceStatus) {
	others := map[string]float64{}
	for i := range list {
		if n := &list[i]; n.State == "held" {
			if l := m.label(n.Name); l != otherNamespaces {
				send(descHeldNS, 1, l, n.HoldReason)
			} else {
				others[n.HoldReason]++
			}
		}
	}
	for reason, count := range others {
		send(descHeldNS, count, otherNamespaces, reason)
	}
}
