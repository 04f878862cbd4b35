package imports

import (
	"math"
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/record"
)

// refused applies the policy to what the API or the store refuses for good.
func (a *Attempts) refused(r result, now time.Time) {
	n, u, conclusive := r.namespace, r.upload, r.conclusive()
	if u != nil {
		for _, pc := range u.Pieces {
			a.Metrics.Rejected.WithLabelValues(pc.Partition.Topic, "refused").Add(float64(pc.lines - pc.counted))
		}
	}
	if a.Config.OnRejected == record.DeadLetter {
		a.letterRefused(r, conclusive)
		return
	}
	if u != nil {
		n.noteRefused(u.Pieces)
	}
	a.hold(r, now, "an import was refused for good")
}

// letterRefused applies the policy dlq to what was refused. Of a namespace whose
// lines have left memory a batch is read back first: it will be refused as well.
func (a *Attempts) letterRefused(r result, conclusive bool) {
	n, u := r.namespace, r.upload
	if u == nil {
		a.lines.beginTrial(n)
		return
	}
	if conclusive {
		n.Clear()
	}
	a.Log.Warn("batch refused; its records go to the dead-letter topic", "namespace", n.Name, "request_id", r.outcome.RequestID,
		"operation", r.outcome.Operation, "status", r.outcome.Status, "records", u.Batch.Records, "offsets", offsetsOf(u.Pieces))
	a.deadLetters.letterBatch(n, u, r.outcome)
	if len(n.Shed) > 0 { // while this batch may have been stored, the others left memory
		a.lines.CatchUp.want(n)
	}
}

// refusedBatch is a batch that was refused under the policy dlq, until all of its
// records are dead letters. Its body has left memory: it held lines, and a dead letter
// is the record itself, which is read again.
type refusedBatch struct {
	namespace *Namespace
	batch     *batcher.Batch
	refusal   importer.Outcome
	left      int // shares that are not done with
}

// Refused is the share that a refused batch has of one partition.
type Refused struct {
	piece
	*refusedBatch
	next    int64 // the first record that was not read again
	found   int   // records that were
	awaited int   // letters that are not acknowledged
}

// letterBatch begins to dead-letter the records of a refused batch.
func (d *DeadLetters) letterBatch(n *Namespace, u *Upload, refusal importer.Outcome) {
	b := &refusedBatch{n, u.Batch, refusal, len(u.Pieces)}
	n.refused = append(n.refused, b)
	for _, pc := range u.Pieces {
		d.lines.CatchUp.Refused = append(d.lines.CatchUp.Refused, &Refused{piece: pc, refusedBatch: b, next: pc.Node.First})
	}
	d.lines.remove(u)
	d.PassTakenBack()
}

// Job returns the next fetch for a refused batch, nil if there is none or
// enough letters wait already.
func (d *DeadLetters) Job() *CatchUpTask {
	if !d.Queue.Few() {
		return nil
	}
	i := slices.IndexFunc(d.lines.CatchUp.Refused, (*Refused).Readable)
	if i < 0 {
		return nil
	}
	r := d.lines.CatchUp.Refused[i]
	job := &fetch.CatchUpJob{Cursor: r.Partition.Cursor, From: r.next, Wanted: map[string]bool{r.namespace.Name: true}, Originals: true}
	return &CatchUpTask{CatchUpJob: job, Partition: r.Partition, Refused: r}
}

// Readable says whether there are records to be read, and they can be read here. Where
// too many records are held, as by a topic that refuses each letter for good, they wait.
func (r *Refused) Readable() bool {
	return r.next <= r.Node.Last && r.Partition.Live() && r.Partition.Ledger.Singles() < assignment.MaxSingles
}

// Take posts the records that a chunk of the job found.
func (d *DeadLetters) Take(c *fetch.Chunk, r *Refused, now time.Time) {
	if c.Start > r.next || !r.Readable() || !d.Queue.Few() {
		return // and read again when there is room
	}
	p, name := r.Partition, r.namespace.Name
	for i := range c.Rejects {
		rec := &c.Rejects[i]
		if rec.Offset < r.next || rec.Offset > r.Node.Last || p.Ledger.Done(name, rec.Offset) || p.Ledger.Overtaken(name, rec.Offset) || !r.Node.Single && p.Ledger.Released(rec.Offset) {
			continue
		}
		r.found++
		l := letters.Of(rec)
		if l.IsLetter() {
			d.assignment.HoldRecord(p, rec.Offset, rec.Time, "the API refused it, and it is a dead letter of a bridge already", now)
			continue
		}
		l.Describe("refused", r.refusal.Err.Error())
		l.Namespace, l.RequestID = name, r.refusal.RequestID
		l.Owner = &letterOwner{r.piece, r}
		r.awaited++
		d.Queue.Post(l)
	}
	d.ReadTo(r, c.Next)
}

// ReadTo goes on behind what was read of a refused batch, or is gone.
func (d *DeadLetters) ReadTo(r *Refused, next int64) {
	if r.next = max(r.next, next); r.next > r.Node.Last && r.awaited == 0 {
		d.lettered(r)
	}
}

// PassTakenBack lets refused batches leave out what a partition that has started over
// had of them: what is there now has been refused by nobody.
func (d *DeadLetters) PassTakenBack() {
	for _, r := range slices.Clone(d.lines.CatchUp.Refused) {
		if r.takenBack() {
			d.ReadTo(r, math.MaxInt64)
		}
	}
}

// settleRefused settles what is acknowledged by now of the refused batches that
// some letters belong to. No letter is on its way.
func (d *DeadLetters) settleRefused(batch []*letters.Letter) {
	var before *Refused
	for _, l := range batch {
		if r := whose(l).refused; r != nil && r != before {
			before = r
			d.letteredTo(r)
		}
	}
}

// letteredTo settles a share whose records are all acknowledged, or moves the start of
// one of which the first ones are: the next owner need not write them again.
func (d *DeadLetters) letteredTo(r *Refused) {
	next := r.next
	if r.awaited > 0 {
		for l := range d.Queue.All() {
			if whose(l).refused == r {
				next = min(next, l.Offset)
			}
		}
	}
	if next > r.Node.Last {
		d.lettered(r)
	} else if next > r.Node.First && !r.takenBack() {
		d.assignment.SettleNodeTo(r.Partition, r.Node, next)
	}
}

// lettered ends a share whose records are all acknowledged, and the batch with its last
// one.
func (d *DeadLetters) lettered(r *Refused) {
	i := slices.Index(d.lines.CatchUp.Refused, r)
	if i < 0 {
		return
	}
	d.lines.CatchUp.Refused = slices.Delete(d.lines.CatchUp.Refused, i, i+1)
	if !r.takenBack() {
		d.tellGone(r)
		d.assignment.SettleNode(r.Partition, r.Node)
	}
	if r.left--; r.left == 0 {
		n := r.namespace
		n.refused = slices.DeleteFunc(n.refused, func(b *refusedBatch) bool { return b == r.refusedBatch })
		d.lines.changed(n, time.Now())
	}
}

// tellGone reports the records of a share that the log had no longer when it was read
// again.
func (d *DeadLetters) tellGone(r *Refused) {
	gone := r.lines - r.found
	if gone <= 0 {
		return
	}
	d.Metrics.Lost.WithLabelValues(r.Partition.Topic).Add(float64(gone))
	d.Log.Error("records of a refused batch were removed by Kafka before they became dead letters", "topic", r.Partition.Topic, "partition", r.Partition.Partition,
		"namespace", r.namespace.Name, "request_id", r.refusal.RequestID, "last_offset", r.Node.Last, "records", gone, "remedy", assignment.RemovedRemedy)
}
