package session

import (
	"context"
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/report"
)

// Describe asks the loop to fill in what it knows. It reports whether the session was
// still there to do so, and fails when the loop does not answer before ctx ends.
func (s *Session) Describe(ctx context.Context, st *report.Status, detail bool) (answered bool, err error) {
	done := make(chan struct{})
	ask := func(now time.Time) {
		s.describe(st, now, detail)
		close(done)
	}
	select {
	case s.queries <- ask:
		<-done
		return true, nil
	case <-s.gone:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// describe fills in what the loop knows.
func (s *Session) describe(st *report.Status, now time.Time, detail bool) {
	if s.mode == draining {
		st.State, st.Group.State = report.Draining, "draining"
	}
	if text := s.commits.Failure(); text != "" {
		st.KafkaError = &text
	} else if len(s.unclear) > 0 {
		text := fmt.Sprintf("the brokers do not describe the topics %v to this user, who needs DESCRIBE and READ on them; the other topics are read", s.unclear)
		st.KafkaError = &text
	}
	switch {
	case s.Pacer.Shut(pace.Credentials):
		text := "the import API refuses the credentials: " + credentialsRemedy
		st.APIError = &text
	case s.Pacer.Shut(pace.Place):
		text := "the import API does not know the call: " + placeRemedy
		st.APIError = &text
	}
	st.Buffer.Bytes += s.Pool.InUse() + s.Budget.Held(budget.Letters) + s.Budget.Held(budget.Marks)
	full := ""
	if s.memoryFull(now) {
		full = s.fullest()
	}
	for _, p := range sortedPartitions(s.partitions) {
		out := p.status(now)
		s.standstill(&out, p, full, now)
		st.Partitions = append(st.Partitions, out)
	}
	st.Gauges.OpenBatches, st.Gauges.Flying = s.batches.Len(), s.Pacer.InFlight()
	s.countNamespaces(&st.Gauges)
	s.listNamespaces(st, now, detail)
	for i := range st.Partitions {
		if p := &st.Partitions[i]; p.State == "held" || p.Corrupt {
			st.Gauges.PartitionsHeld++
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

func (p *partition) status(now time.Time) report.PartitionStatus {
	out := report.PartitionStatus{Topic: p.Topic, Partition: p.Partition, CommittedOffset: p.committed, NextOffset: -1, HighWatermark: -1, LogStartOffset: -1, State: "paused"}
	if p.failure != nil {
		text := p.failure.Error()
		out.Error, out.State = &text, "failed"
	}
	if p.failure == nil && !p.denied.Until().IsZero() {
		text := "what is stored of it cannot be committed: this user needs READ on the topic; it is tried again"
		out.Error = &text
	}
	out.Corrupt = p.corrupt
	if !p.open() {
		return out
	}
	out.NextOffset, out.HighWatermark, out.LogStartOffset = p.ledger.Position(), p.cursor.HighWatermark.Load(), p.cursor.LogStart.Load()
	out.LagRecords = max(0, out.HighWatermark-max(out.CommittedOffset, 0))
	if out.CommittedOffset < 0 {
		out.LagRecords = max(0, out.HighWatermark-out.NextOffset)
	}
	out.Unread = max(0, p.cursor.StableOffset.Load()-out.NextOffset)
	out.Omitted = p.omitted
	if at := p.behindSince(); !at.IsZero() {
		out.LagSeconds = max(0, now.Sub(at).Seconds())
	}
	n := p.ledger.Oldest()
	if n != nil {
		out.PinnedBy = &report.PinStatus{Kind: n.Kind.String(), Namespace: n.Namespace, Offset: n.First, Since: n.Since, Reason: p.heldFor(n)}
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
