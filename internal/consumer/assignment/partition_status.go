package assignment

import (
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/report"
)

// PauseReason says why reading of a paused partition pauses.
func (p *Partition) PauseReason() string {
	switch p.pause {
	case AwaitsLetters:
		return "reading pauses until the dead-letter topic has taken more of what waits for it"
	case AwaitsMarks:
		return "reading pauses until fewer namespaces are held or failing: no memory is left to remember where their records begin; raise BRIDGE_BUFFER_MAX_BYTES, or see the namespaces' last errors"
	}
	return fmt.Sprintf("reading pauses until fewer records are held or on their way to the dead-letter topic; now %d are", p.Ledger.Singles())
}

// Status is what /status shows of the partition.
func (p *Partition) Status(now time.Time) report.PartitionStatus {
	out := report.PartitionStatus{Topic: p.Topic, Partition: p.Partition, CommittedOffset: p.Committed, NextOffset: -1, HighWatermark: -1, LogStartOffset: -1, State: "paused"}
	if p.err != nil {
		text := p.err.Error()
		out.Error, out.State = &text, "failed"
	}
	if p.err == nil && !p.Denied.Until().IsZero() {
		text := "what is stored of it cannot be committed: this user needs READ on the topic; it is tried again"
		out.Error = &text
	}
	out.Corrupt = p.Corrupt()
	if !p.IsOpen() {
		return out
	}
	out.NextOffset, out.HighWatermark, out.LogStartOffset = p.Ledger.Position(), p.Cursor.HighWatermark.Load(), p.Cursor.LogStart.Load()
	out.LagRecords = max(0, out.HighWatermark-max(out.CommittedOffset, 0))
	if out.CommittedOffset < 0 {
		out.LagRecords = max(0, out.HighWatermark-out.NextOffset)
	}
	out.Unread = max(0, p.Cursor.StableOffset.Load()-out.NextOffset)
	out.Omitted = p.Omitted
	if at := p.behindSince(); !at.IsZero() {
		out.LagSeconds = max(0, now.Sub(at).Seconds())
	}
	n := p.Ledger.Oldest()
	if n != nil {
		out.PinnedBy = &report.PinStatus{Kind: n.Kind.String(), Namespace: n.Namespace, Offset: n.First, Since: n.Since, Reason: p.heldFor(n)}
	}
	if p.state == Paused && out.Error == nil {
		text := p.PauseReason()
		out.Error = &text
	}
	switch {
	case p.IsHeld() || p.HeldCount > 0 || n != nil && n.Kind == ledger.Shed:
		out.State = "held"
	case p.err == nil:
		out.State = p.state.String()
	}
	return out
}
