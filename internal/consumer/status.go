package consumer

import (
	"context"
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
)

// Status answers what the bridge does and why: in particular, why an offset is
// stuck. It is a copy; nobody else writes it.
type Status struct {
	Version    string            `json:"version"`
	StartedAt  time.Time         `json:"started_at"`
	State      string            `json:"state"`       // waiting_for_kafka, joining, running, draining, stopped
	KafkaError *string           `json:"kafka_error"` // while the brokers or the coordinator do not answer, or refuse
	APIError   *string           `json:"api_error"`   // while the import API refuses the credentials, or does not know the call
	ImportPath string            `json:"import_path"` // of the create call that is in use
	Group      GroupStatus       `json:"group"`
	Buffer     BufferStatus      `json:"buffer"`
	Totals     TotalsStatus      `json:"totals"`
	Partitions []PartitionStatus `json:"partitions"`
	Namespaces []NamespaceStatus `json:"namespaces"`
	// NamespacesOmitted counts those beyond MaxStatusNamespaces.
	NamespacesOmitted int `json:"namespaces_omitted"`

	gauges sessionGauges
}

// GroupStatus is this process's membership.
type GroupStatus struct {
	ID         string `json:"id"`
	MemberID   string `json:"member_id"`
	Generation int32  `json:"generation"`
	State      string `json:"state"`
}

// BufferStatus is the use of the buffer budget, in bytes.
type BufferStatus struct {
	Bytes      int64 `json:"bytes"`
	LimitBytes int64 `json:"limit_bytes"`
}

// TotalsStatus counts since the process began.
type TotalsStatus struct {
	RecordsConsumed int64 `json:"records_consumed"`
	RecordsUploaded int64 `json:"records_uploaded"`
	BytesUploaded   int64 `json:"bytes_uploaded"`
	BatchesFlushed  int64 `json:"batches_flushed"`
}

// PartitionStatus is one assigned partition. Offsets are those of the next
// record; -1 is unknown.
type PartitionStatus struct {
	Topic           string     `json:"topic"`
	Partition       int32      `json:"partition"`
	CommittedOffset int64      `json:"committed_offset"`
	NextOffset      int64      `json:"next_offset"`
	HighWatermark   int64      `json:"high_watermark"`
	LogStartOffset  int64      `json:"log_start_offset"`
	LagRecords      int64      `json:"lag_records"`
	LagSeconds      float64    `json:"lag_seconds"` // age of the oldest record that is not committed
	State           string     `json:"state"`       // reading, paused, held, failed
	PinnedBy        *PinStatus `json:"pinned_by"`
	Error           *string    `json:"error"`

	corrupt bool
	unread  int64
	omitted int
}

// PinStatus is what keeps a partition's committed offset where it is.
type PinStatus struct {
	Kind      string    `json:"kind"` // batch, held_namespace, held_record, dead_letter
	Namespace string    `json:"namespace"`
	Offset    int64     `json:"offset"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason"` // of a held record, else empty: why it cannot be imported
}

// NamespaceStatus is one namespace with work or trouble.
type NamespaceStatus struct {
	Name            string     `json:"name"`
	State           string     `json:"state"` // open, uploading, retrying, held
	BufferedBytes   int64      `json:"buffered_bytes"`
	BufferedRecords int        `json:"buffered_records"`
	OldestRecordAt  *time.Time `json:"oldest_record_at"`
	InFlight        int        `json:"in_flight"`
	LastRequestID   *string    `json:"last_request_id"`
	LastError       *string    `json:"last_error"`
	NextAttemptAt   *time.Time `json:"next_attempt_at"`
	Since           *time.Time `json:"since"` // of the trouble

	holdReason string
}

// MaxStatusNamespaces bounds the list of namespaces: the ones in trouble come
// first, then the fullest.
const MaxStatusNamespaces = 1000

// sessionGauges are figures of the loop that only the metrics need.
type sessionGauges struct {
	openBatches, waiting, flying int
	oldest                       time.Time
	namespacesHeld               int
	partitionsHeld               int
	uploadLimit                  int
}

// Status asks the owner of the state for a copy. It fails when the loop does
// not answer before ctx ends.
func (c *Consumer) Status(ctx context.Context) (*Status, error) { return c.snapshot(ctx, true) }

// snapshot is Status; without detail it lists the held namespaces only, which
// is all that a scrape needs of what may be very many.
func (c *Consumer) snapshot(ctx context.Context, detail bool) (*Status, error) {
	st := c.base()
	s := c.state.session.Load()
	if s == nil {
		return st, nil
	}
	done := make(chan struct{})
	ask := func(now time.Time) {
		s.describe(st, now, detail)
		close(done)
	}
	select {
	case s.queries <- ask:
		<-done
		return st, nil
	case <-s.gone:
		return c.base(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// base is what is known without the loop.
func (c *Consumer) base() *Status {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	st := &Status{StartedAt: c.state.started, State: c.state.name, Partitions: []PartitionStatus{}, Namespaces: []NamespaceStatus{}}
	if st.State == "" {
		st.State = stateWaiting
	}
	if c.state.kafkaError != "" {
		st.KafkaError = &c.state.kafkaError
	}
	st.Group = GroupStatus{ID: c.cfg.Group, MemberID: c.state.memberID, Generation: c.state.generation, State: groupState(c.state.name)}
	st.Buffer = BufferStatus{Bytes: c.fetched.Used() + c.inflated.Used(), LimitBytes: c.cfg.BufferMaxBytes}
	st.Totals = c.metrics.totals()
	st.gauges.uploadLimit = c.cfg.UploadConcurrency
	return st
}

func groupState(name string) string {
	switch name {
	case stateRunning:
		return "stable"
	case stateDraining:
		return "draining"
	case stateJoining:
		return "joining"
	}
	return "none"
}

// describe fills in what the loop knows.
func (s *session) describe(st *Status, now time.Time, detail bool) {
	if s.mode == draining {
		st.State, st.Group.State = stateDraining, "draining"
	}
	if text := s.commits.failure; text != "" {
		st.KafkaError = &text
	}
	switch {
	case s.pacer.Shut(pace.Credentials):
		text := "the import API refuses the credentials: " + credentialsRemedy
		st.APIError = &text
	case s.pacer.Shut(pace.Place):
		text := "the import API does not know the call: " + placeRemedy
		st.APIError = &text
	}
	st.Buffer.Bytes += s.pool.InUse() + s.budget.Held(budget.Letters) + s.budget.Held(budget.Marks)
	for _, p := range sortedPartitions(s.partitions) {
		st.Partitions = append(st.Partitions, p.status(now))
	}
	st.gauges.openBatches, st.gauges.flying = s.batches.Len(), s.pacer.InFlight()
	s.countNamespaces(&st.gauges)
	s.listNamespaces(st, now, detail)
	for i := range st.Partitions {
		if p := &st.Partitions[i]; p.State == "held" || p.corrupt {
			st.gauges.partitionsHeld++
		}
	}
}

// pauseReason says why reading of a paused partition pauses.
func (p *partition) pauseReason() string {
	switch p.awaits {
	case awaitsLetters:
		return "reading pauses until the dead-letter topic has taken more of what waits for it"
	case awaitsMarks:
		return "reading pauses until fewer namespaces are held or failing: no memory is left to remember where their records begin; raise BRIDGE_BUFFER_MAX_BYTES, or see the namespaces' last errors"
	}
	return fmt.Sprintf("reading pauses until fewer records are held or on their way to the dead-letter topic; now %d are", p.ledger.Singles())
}

func (p *partition) status(now time.Time) PartitionStatus {
	out := PartitionStatus{Topic: p.Topic, Partition: p.Partition, CommittedOffset: p.committed, NextOffset: -1, HighWatermark: -1, LogStartOffset: -1, State: "paused"}
	if p.failure != nil {
		text := p.failure.Error()
		out.Error, out.State = &text, "failed"
	}
	out.corrupt = p.corrupt
	if !p.open() {
		return out
	}
	out.NextOffset, out.HighWatermark, out.LogStartOffset = p.ledger.Position(), p.cursor.high.Load(), p.cursor.start.Load()
	out.LagRecords = max(0, out.HighWatermark-max(out.CommittedOffset, 0))
	if out.CommittedOffset < 0 {
		out.LagRecords = max(0, out.HighWatermark-out.NextOffset)
	}
	out.unread = max(0, p.cursor.stable.Load()-out.NextOffset)
	out.omitted = p.omitted
	if at := p.behindSince(); !at.IsZero() {
		out.LagSeconds = max(0, now.Sub(at).Seconds())
	}
	n := p.ledger.Oldest()
	if n != nil {
		out.PinnedBy = &PinStatus{Kind: n.Kind.String(), Namespace: n.Namespace, Offset: n.First, Since: n.Since, Reason: p.firstHeld.reasonAt(n)}
	}
	if p.paused && out.Error == nil {
		text := p.pauseReason()
		out.Error = &text
	}
	switch {
	case p.heldOut || p.heldCount > 0 || n != nil && n.Kind == ledger.Shed:
		out.State = "held"
	case p.failure != nil:
	case p.paused:
		out.State = "paused"
	default:
		out.State = "reading"
	}
	return out
}
