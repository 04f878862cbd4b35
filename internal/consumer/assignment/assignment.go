package assignment

import (
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
)

// Assignment owns the partitions, and says what becomes of their nodes.
type Assignment struct {
	*Generation
	Partitions    map[kafka.TopicPartition]*Partition
	paused        map[*Partition]bool // those with a Pause
	pausesCounted time.Time           // until when their pauses are in the metric
}

// New returns the partitions of a generation, none yet.
func New(g *Generation) *Assignment {
	return &Assignment{
		Generation: g, Partitions: make(map[kafka.TopicPartition]*Partition, len(g.Member.Assigned)), paused: map[*Partition]bool{},
	}
}

// CountHeldPauses adds the time that partitions have been paused since it was
// last called.
func (a *Assignment) CountHeldPauses(now time.Time) {
	if len(a.paused) > 0 {
		a.Metrics.FetchPaused.WithLabelValues("held").Add(now.Sub(a.pausesCounted).Seconds())
	}
	a.pausesCounted = now
}

// steer makes the fetcher do what the partition's state says. Who drains reads nothing.
func (a *Assignment) steer(p *Partition) {
	if p.IsOpen() {
		a.Fetcher.Pause(p.Cursor, !a.Reads(p))
	}
}

// Reads reports whether the partition is to be read now.
func (a *Assignment) Reads(p *Partition) bool { return p.reads() && a.Mode == Running }

// Opened notes that the start of a partition is known. The cursor is a paused one.
func (a *Assignment) Opened(p *Partition, c *fetch.Cursor) {
	p.opened(c)
	a.steer(p)
}

// Await drops what was just read of a partition and pauses it until what it awaits is
// free.
func (a *Assignment) Await(p *Partition, what Pause) {
	a.Mend(p)
	a.pause(p, what)
}

// Resume lets the partitions be read on that await what is free now.
func (a *Assignment) Resume(what Pause) {
	for p := range a.paused { // few: this is called at each turn of the loop
		switch {
		case p.pause != what || a.Mode != Running:
		case p.full():
			a.wait(p, TooManyHeld)
		default:
			a.wait(p, NoPause)
		}
	}
}

// PauseOrResume stops reading a partition whose single records would no longer fit
// the commit metadata, and goes on afterwards.
func (a *Assignment) PauseOrResume(p *Partition) {
	switch full := p.full(); {
	case a.Mode != Running:
	case full && p.pause == NoPause:
		a.pause(p, TooManyHeld)
	case !full && p.pause == TooManyHeld:
		a.wait(p, NoPause)
	}
}

// full reports whether no further single record of the partition may come.
func (p *Partition) full() bool {
	most := MaxSingles
	if p.pause != NoPause && p.Ledger.Singles() > p.Ledger.Held() {
		most -= MaxSingles / 4 // some will be settled: not each of them is worth a read
	}
	return p.Ledger.Singles() >= most
}

// pause begins a pause, or gives the one that there is another reason. What was read
// ahead is dropped, and read again later.
func (a *Assignment) pause(p *Partition, why Pause) {
	before := p.pause
	a.wait(p, why)
	a.Fetcher.Reset(p.Cursor, p.Ledger.Position(), time.Time{})
	if before != NoPause {
		return
	}
	a.Faults.Log(time.Now(), "reading of a partition pauses", p.Topic,
		"topic", p.Topic, "partition", p.Partition, "why", p.PauseReason())
}

// wait notes what a partition waits for now, and keeps count.
func (a *Assignment) wait(p *Partition, why Pause) {
	a.CountHeldPauses(time.Now())
	if p.wait(why); why == NoPause {
		delete(a.paused, p)
	} else {
		a.paused[p] = true
	}
	a.steer(p)
}

// Fail notes that the partition cannot be read, or be opened. Nothing is asked of it,
// where stop says so, before it is mended.
func (a *Assignment) Fail(p *Partition, err error, corrupt, stop bool) {
	p.fail(err, corrupt, stop)
	a.steer(p)
}

// Mend lets a failed partition be read again.
func (a *Assignment) Mend(p *Partition) {
	if p.State() == Failed {
		p.mend()
		a.steer(p)
	}
}

// Lose stops reading and committing a partition whose topic is gone, or may be.
func (a *Assignment) Lose(p *Partition, code kafka.Code) {
	if p.State() == Lost {
		return
	}
	p.lose(fmt.Errorf("topic is gone or was created anew: %w", code))
	a.steer(p)
	if p.IsOpen() {
		a.Fetcher.Reset(p.Cursor, p.Ledger.Position(), time.Time{})
	}
	a.Fetcher.Refresh() // only the metadata can clear it
	a.Log.Warn("partition lost: its topic was deleted or created anew", "topic", p.Topic, "partition", p.Partition, "error", code)
}

// Found lets a partition be read on that seemed lost.
func (a *Assignment) Found(p *Partition, now time.Time) {
	if p.State() != Lost {
		return
	}
	if p.IsOpen() { // a broker that has just said otherwise is not asked at once
		a.Fetcher.Reset(p.Cursor, p.Ledger.Position(), now.Add(fetch.MaxBackoff))
	}
	p.found()
	a.steer(p)
	p.Touch()
}

// HoldOut keeps a partition from being read until somebody decides.
func (a *Assignment) HoldOut(p *Partition, err error) {
	p.hold(err)
	a.steer(p)
	a.Log.Error("partition held", "topic", p.Topic, "partition", p.Partition, "error", err,
		"remedy", "set the group's offset with kafka-consumer-groups --reset-offsets, or BRIDGE_KAFKA_OFFSET_RESET to earliest")
}

// ReportReset reports that a partition is read from somewhere else than was committed.
func (a *Assignment) ReportReset(r *discovery.Start) {
	a.Metrics.OffsetResets.WithLabelValues(r.Topic, r.At.Reset).Inc()
	if r.At.Reset == "below_log_start" {
		a.Metrics.Lost.WithLabelValues(r.Topic).Add(float64(r.At.Gap))
	}
	a.Log.Error("log has changed since the offset was committed; reading goes on elsewhere", "topic", r.Topic, "partition", r.Partition,
		"reason", r.At.Reset, "committed_offset", r.Committed.Offset, "start_offset", r.At.Offset, "gap", r.At.Gap, "namespaces_behind", r.At.Behind)
}

// Tracked passes a node on. An error would be a mistake of the bridge: the ledger
// refuses the node, the watermark is right all the same, and the log says so.
func (a *Assignment) Tracked(n *ledger.Node, err error) *ledger.Node {
	if err != nil {
		a.Log.Error("ledger refused a node", "error", err)
	}
	return n
}

// SettleNode ends a node whose lines are done.
func (a *Assignment) SettleNode(p *Partition, node *ledger.Node) {
	a.ended(p, p.Ledger.Settle(node))
}

// DropNode ends a node whose lines other nodes stand for.
func (a *Assignment) DropNode(p *Partition, node *ledger.Node) {
	a.ended(p, p.Ledger.Drop(node))
}

// ShiftNode moves the start of a node to first: other nodes stand for the lines before
// it, or they are gone.
func (a *Assignment) ShiftNode(p *Partition, node *ledger.Node, first int64) {
	a.shifted(p, p.Ledger.Shift(node, first, node.Timestamp))
}

// SettleNodeTo moves the start of a node to first: the lines before it are done.
func (a *Assignment) SettleNodeTo(p *Partition, node *ledger.Node, first int64) {
	a.shifted(p, p.Ledger.SettleTo(node, first, node.Timestamp))
}

// shifted logs a mistake of the bridge, and lets the partition be committed.
func (a *Assignment) shifted(p *Partition, err error) {
	if err != nil {
		a.Log.Error("ledger refused to shift", "topic", p.Topic, "partition", p.Partition, "error", err)
	}
	p.Touch()
}

// ended logs a mistake of the bridge, or lets the partition be committed, and read
// on if it has waited for just that.
func (a *Assignment) ended(p *Partition, err error) {
	if err != nil {
		a.Log.Error("ledger refused to settle", "topic", p.Topic, "partition", p.Partition, "error", err)
		return
	}
	p.Touch()
	a.PauseOrResume(p)
}

// HoldRecord pins the partition's committed offset at a record, for a reason
// that /status shows.
func (a *Assignment) HoldRecord(p *Partition, offset, timestamp int64, reason string, now time.Time) {
	if a.Tracked(p.Ledger.TrackSingle(ledger.HeldRecord, "", offset, timestamp, now)) != nil {
		p.FirstHeld.Note(offset, reason)
		p.Touch()
	}
}

// HoldRange pins the partition's committed offset at a batch that has no room,
// unless everything in it is done or left out by name, and reports it.
func (a *Assignment) HoldRange(p *Partition, c *fetch.Chunk, now time.Time) {
	first, o := c.Start, c.Oversized
	if p.Ledger.RangeDone(first, o.Last) {
		return
	}
	records := int(min(int64(o.Records), o.Last-first+1))
	if a.Config.SkipRecords[p.TopicPartition].Hold(first, o.Last) {
		if c.CatchUp == nil {
			a.Metrics.Skipped.WithLabelValues(p.Topic, "operator").Add(float64(records))
			a.Log.Info("Kafka batch left out by BRIDGE_SKIP_RECORDS", "topic", p.Topic, "partition", p.Partition, "offset", first, "last_offset", o.Last)
		}
		return
	}
	node := a.Tracked(p.Ledger.HoldRange(first, o.Last, o.Timestamp, now))
	if node == nil {
		return
	}
	if p.Ranges == nil {
		p.Ranges = map[int64]string{}
	}
	p.Ranges[node.Last] = fmt.Sprintf("the Kafka batch at offsets %d to %d with %d records %s", node.First, node.Last, records, o.Size)
	p.Touch()
	a.Metrics.Rejected.WithLabelValues(p.Topic, record.TooLarge.String()).Add(float64(records))
	a.Faults.Log(now, "Kafka batch has no room in the buffer; its offsets are held and the partition goes on behind it", "oversized/"+p.Topic,
		"topic", p.Topic, "partition", p.Partition, "offset", node.First, "last_offset", node.Last, "records", records, "reason", o.Size.String(),
		"remedy", "restart with a larger BRIDGE_BUFFER_MAX_BYTES, which imports them, or leave them out with BRIDGE_SKIP_RECORDS", "name", fmt.Sprintf("%s/%d@%d-%d", p.Topic, p.Partition, node.First, node.Last))
}

// ReleaseHeld ends the node of a held record or range.
func (a *Assignment) ReleaseHeld(p *Partition, node *ledger.Node) {
	delete(p.Ranges, node.Last)
	if p.FirstHeld.offset == node.First {
		p.FirstHeld = heldRecord{}
	}
	a.SettleNode(p, node)
}

// ReportCompacted reports held records that the log has no longer.
func (a *Assignment) ReportCompacted(p *Partition, first int64, records int) {
	a.Metrics.Lost.WithLabelValues(p.Topic).Add(float64(records))
	a.Log.Error("held records are not in the log any more: compaction has removed them", "topic", p.Topic, "partition", p.Partition,
		"first_offset", first, "records", records, "remedy", RemovedRemedy)
}

// RemovedRemedy goes with what Kafka has removed before it was imported.
const RemovedRemedy = "the topic's retention must be longer than an outage lasts, or a held record or namespace"
