package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/kafka"
)

// faulted deals with a partition that cannot simply be read on.
func (in *intake) faulted(p *assignment.Partition, f *fetch.Fault, now time.Time) {
	position := p.Ledger.Position()
	switch f.Kind {
	case fetch.FaultOutOfRange, fetch.FaultTruncated, fetch.FaultReplaced:
		in.outOfRange(p, f, now)
	case fetch.FaultLost:
		in.assignment.Lose(p, kafka.CodeUnknownTopicID)
	case fetch.FaultSchema:
		in.awaitSchema(p, f, now)
	default:
		p.Backoff = min(max(2*p.Backoff, time.Second), 30*time.Second)
		corrupt := f.Kind == fetch.FaultCorrupt
		operation, text := "fetch", in.Explain(f.Err)
		if corrupt {
			operation, text = "decode", f.Err.Error() // no remedy of a connection's mends data
			in.Metrics.KafkaFailed(operation)
		}
		in.assignment.Fail(p, errors.New(text), corrupt, false)
		in.Fetcher.Distrust(p.Cursor, f.Err) // the leader may do better
		in.Fetcher.Reset(p.Cursor, position, now.Add(p.Backoff))
		in.Faults.Log(now, "partition cannot be read; the others go on, it is tried again", operation+"/"+p.Topic,
			"topic", p.Topic, "partition", p.Partition, "offset", position, "error", text, "next_try_in", p.Backoff.String())
	}
}

// awaitSchema lets a partition wait until its next record can be decoded. It is then
// read again from there: nothing is held in memory meanwhile.
func (in *intake) awaitSchema(p *assignment.Partition, f *fetch.Fault, now time.Time) {
	before, failed := errors.AsType[*decode.Waiting](p.Err())
	in.assignment.Fail(p, f.Err, false, false)
	in.Fetcher.Reset(p.Cursor, p.Ledger.Position(), now.Add(schemaPatience))
	if errors.Unwrap(f.Err) != nil { // else the registry has not been heard yet
		in.Faults.Log(now, "a schema is not to be had; its partition waits, the others go on", "schema/"+p.Topic,
			"topic", p.Topic, "partition", p.Partition, "offset", p.Ledger.Position(), "error", f.Err)
	}
	if failed && before.Ready == f.Ready {
		return // it is awaited already
	}
	again := func(now time.Time) {
		waiting, ok := errors.AsType[*decode.Waiting](p.Err())
		if ok && waiting.Ready == f.Ready && in.Mode == assignment.Running {
			in.Fetcher.Reset(p.Cursor, p.Ledger.Position(), now)
		}
	}
	in.ask(func(ctx context.Context) func(time.Time) {
		select {
		case <-f.Ready:
			return again
		case <-ctx.Done():
			return nil
		}
	})
}

// ask lets work run in a goroutine, as it may block, and what it returns in the loop, unless
// that is nil.
func (in *intake) ask(work func(context.Context) (then func(time.Time))) {
	ctx, queries := in.Ctx, in.queries
	in.Tasks.Go(func() {
		then := work(ctx)
		if then == nil {
			return
		}
		select {
		case queries <- then:
		case <-ctx.Done():
		}
	})
}

// schemaPatience is when a partition that waits for a schema is read again at the
// latest.
const schemaPatience = time.Minute

// outOfRange asks the log again and starts over where it may: a position below
// the log start goes on at the log start, one beyond the end is an end of this
// log that nobody knew of, and the new owner of the partition decides.
func (in *intake) outOfRange(p *assignment.Partition, f *fetch.Fault, now time.Time) {
	in.Log.Warn("what was read, or is to be read, is not in the log any more", "topic", p.Topic, "partition", p.Partition, "offset", p.Ledger.Position(), "error", f.Err)
	in.assignment.Fail(p, f.Err, false, true)
	in.Fetcher.Reset(p.Cursor, p.Ledger.Position(), now.Add(fetch.MaxBackoff))
	client, fetcher := in.Client, in.Fetcher
	tp, c, id := p.TopicPartition, p.Cursor, p.TopicID
	in.ask(func(ctx context.Context) func(time.Time) {
		log, same, ok := discovery.Extent(ctx, client, tp, id, func() int32 { return fetcher.Standing(c).Leader }, fetcher.Refresh)
		switch {
		case !ok:
			return nil
		case same:
			return func(now time.Time) { in.relocated(p, f, log, now) }
		}
		return func(time.Time) { in.assignment.Lose(p, kafka.CodeUnknownTopicID) }
	})
}

// relocated goes on where the log allows. Where records were removed that is the log
// start. A log that ends before the position was truncated or replaced: everything
// from the point of divergence (or its start) must be read again, and what is not done
// before that point with it.
func (in *intake) relocated(p *assignment.Partition, f *fetch.Fault, log kafka.Range, now time.Time) {
	if in.Mode != assignment.Running || !p.Live() {
		return
	}
	position, frontier, readBefore := p.Ledger.Position(), ledger.Frontier{}, false
	r := discovery.Start{TopicPartition: p.TopicPartition, Committed: kafka.Committed{Offset: position}, At: ledger.Start{Offset: position}}
	at, known := &r.At, in.frontierOf(p)
	read := max(position, known.Below) // by this owner, or an earlier one
	switch {
	case f.Kind == fetch.FaultReplaced:
		at.Offset, at.Gap, at.Reset = log.Begin, position, "recreated"
	case f.Kind == fetch.FaultTruncated && f.Offset < read:
		frontier = known.Before(f.Offset)
		at.Offset, at.Gap, at.Reset = max(log.Begin, min(f.Offset, p.Ledger.Watermark())), read-f.Offset, "beyond_end"
	case position < log.Begin:
		at.Gap, at.Behind = known.Lost(position, log.Begin)
		at.Offset, at.Reset, readBefore = log.Begin, "below_log_start", known.Below >= log.Begin
	case f.Kind == fetch.FaultOutOfRange && read > log.End: // nobody says where the histories part
		at.Offset, at.Gap, at.Reset = log.Begin, read-log.End, "beyond_end"
	}
	if at.Reset == "" { // the log has it after all, says the leader: ask it again, and not at once
		in.Fetcher.Forget(p.Cursor, read)
		p.Backoff = min(max(2*p.Backoff, fetch.Backoff), fetch.MaxBackoff)
		in.Fetcher.Reset(p.Cursor, position, now.Add(p.Backoff))
		in.assignment.Mend(p)
		return
	}
	if in.Config.OffsetReset == ledger.ResetHold && !readBefore {
		// The leader epoch stays in the commits: it is what shows the next
		// owner a log that was truncated, however long that has grown.
		in.assignment.HoldOut(p, fmt.Errorf("%w: it was read up to offset %d, and holds %d to %d", f.Err, read, log.Begin, log.End))
		return
	}
	if at.Gap > 0 || at.Behind > 0 {
		in.assignment.ReportReset(&r)
	}
	if at.Reset == "below_log_start" {
		in.Fetcher.Forget(p.Cursor, read)
		p.Cursor.Know(log)
		p.Ledger.Advance(at.Offset)
		p.Touch()
	} else {
		in.Fetcher.Forget(p.Cursor, frontier.Below)
		in.startOver(p, at.Offset, frontier)
	}
	in.Fetcher.Reset(p.Cursor, at.Offset, time.Time{})
	in.assignment.Mend(p)
}

// startOver gives the partition a new ledger: what is under way for the old
// history no longer counts for this one, and no batch takes lines of both.
func (in *intake) startOver(p *assignment.Partition, start int64, frontier ledger.Frontier) {
	now := time.Now()
	for _, b := range in.lines.Batches.SealAll(batcher.ReasonRebalance) {
		in.lines.Queue(b, now)
	}
	for n := range in.lines.Namespaces() {
		in.lines.Unmark(n, p, now)
	}
	p.StartOver(ledger.New(start, frontier), start)
	in.deadLetters.PassTakenBack()
	in.assignment.PauseOrResume(p)
	p.Touch()
}

// frontierOf is what is done of a partition, as a commit would say it.
func (in *intake) frontierOf(p *assignment.Partition) ledger.Frontier {
	text, _ := p.Ledger.Encode(in.MetadataOf(p), assignment.RecollectionRoom)
	m, err := ledger.Decode(text)
	if err != nil {
		return ledger.Frontier{}
	}
	return m.Frontier
}
