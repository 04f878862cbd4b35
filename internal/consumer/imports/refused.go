package imports

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/record"
)

// refused applies the policy to what the API or the store refuses for good.
func (s *Attempts) refused(r result, now time.Time) {
	n, u, tells := r.namespace, r.upload, r.tells()
	if u != nil {
		for _, pc := range u.Pieces {
			s.Metrics.Rejected.WithLabelValues(pc.Partition.Topic, "refused").Add(float64(pc.lines - pc.told))
		}
	}
	if s.Config.OnRejected == record.DeadLetter {
		s.letterRefused(r, tells, now)
		return
	}
	if u != nil {
		n.noteRefused(u.Pieces)
	}
	s.hold(r, now, "an import was refused for good")
}

// letterRefused applies the policy dlq to what was refused. Of a namespace whose
// lines have left memory a batch is read back first: it will be refused as well.
func (s *Attempts) letterRefused(r result, tells bool, now time.Time) {
	n, u := r.namespace, r.upload
	if u == nil {
		n.probe = nil
		s.beginTrial(n, now)
		return
	}
	if tells {
		n.Clear()
	}
	s.Log.Warn("batch refused; its records go to the dead-letter topic", "namespace", n.Name, "request_id", r.outcome.RequestID,
		"operation", r.outcome.Operation, "status", r.outcome.Status, "records", u.Batch.Records, "offsets", offsetsOf(u.Pieces))
	s.letterUpload(n, u, r.outcome)
	if len(n.Shed) > 0 { // while this batch may have been stored, the others left memory
		s.CatchUp.want(n)
	}
}

// letterUpload begins to dead-letter the records of a refused batch: they are
// read again, since the batch holds lines only. Its body leaves memory.
func (s *deadLetters) letterUpload(n *Namespace, u *Upload, refusal importer.Outcome) {
	u.Drop()
	u.Lettering, u.refusal, u.Import = true, refusal, nil
	u.reading, u.readFrom = 0, u.Pieces[0].Node.First
	n.Lettered++
	u.Batch.Release()
	s.CatchUp.Uploads = append(s.CatchUp.Uploads, u)
	s.readTo(u, u.readFrom)
}

// LetterJob returns the next fetch for a refused batch, nil if there is none or
// enough letters wait already.
func (s *deadLetters) LetterJob() *CatchUpTask {
	r := &s.CatchUp
	if !s.LetterQueue.Few() {
		return nil
	}
	i := slices.IndexFunc(r.Uploads, (*Upload).Readable)
	if i < 0 {
		return nil
	}
	u := r.Uploads[i]
	p := u.Pieces[u.reading].Partition
	job := &fetch.CatchUpJob{Cursor: p.Cursor, From: u.readFrom, Wanted: map[string]bool{u.Namespace.Name: true}, Originals: true}
	return &CatchUpTask{CatchUpJob: job, Partition: p, Upload: u}
}

// Readable says whether the refused batch's next records can be read here. Where too
// many records are held, as by a topic that refuses each letter for good, they wait.
func (u *Upload) Readable() bool {
	p := u.Pieces[u.reading].Partition
	return p.Live() && p.Ledger.Singles() < assignment.MaxSingles
}

// TakeLetters posts the records that a chunk of the job found.
func (s *deadLetters) TakeLetters(c *fetch.Chunk, u *Upload, p *assignment.Partition, now time.Time) {
	if u.reading >= len(u.Pieces) || u.Pieces[u.reading].Partition != p || c.Start > u.readFrom {
		return
	}
	if !u.Readable() || !s.LetterQueue.Few() {
		return // and read again when there is room
	}
	pc := &u.Pieces[u.reading]
	for i := range c.Rejects {
		r := &c.Rejects[i]
		if r.Offset < u.readFrom || r.Offset > pc.Node.Last || p.Ledger.Done(u.Namespace.Name, r.Offset) || p.Ledger.Overtaken(u.Namespace.Name, r.Offset) || !pc.Node.Single && p.Ledger.Released(r.Offset) {
			continue
		}
		l := letters.Of(r)
		if l.IsLetter() {
			s.HoldRecord(p, r.Offset, r.Time, "the API refused it, and it is a dead letter of a bridge already", now)
			continue
		}
		l.Describe("refused", u.refusal.Err.Error())
		l.Namespace, l.RequestID = u.Namespace.Name, u.refusal.RequestID
		l.Owner = &letterOwner{partition: p, history: p.Ledger, upload: u}
		u.awaited++
		s.LetterQueue.Post(l)
	}
	s.readTo(u, c.Next)
}

// readTo moves a refused batch's read on, piece by piece, and past those of logs
// that were taken back: what is there now has been refused by nobody.
func (s *deadLetters) readTo(u *Upload, next int64) {
	u.readFrom = max(u.readFrom, next)
	for u.readFrom > u.Pieces[u.reading].Node.Last || u.Pieces[u.reading].takenBack() {
		if u.reading++; u.reading == len(u.Pieces) {
			s.lettersRead(u)
			return
		}
		u.readFrom = u.Pieces[u.reading].Node.First
	}
}

// PassTakenBack lets refused batches leave out what a partition that has started
// over had of them.
func (s *deadLetters) PassTakenBack() {
	for _, u := range slices.Clone(s.CatchUp.Uploads) {
		s.readTo(u, u.readFrom)
	}
}

// lettersRead: all records of a refused batch have been read.
func (s *deadLetters) lettersRead(u *Upload) {
	s.CatchUp.Uploads = slices.DeleteFunc(s.CatchUp.Uploads, func(other *Upload) bool { return other == u })
	s.letteredAll(u)
}

// LettersVanished goes on with a refused batch behind records that the
// retention has removed.
func (s *deadLetters) LettersVanished(u *Upload, p *assignment.Partition, start int64) {
	if u.reading < len(u.Pieces) && u.Pieces[u.reading].Partition == p {
		s.readTo(u, start)
	}
}

// settleRefused settles what is acknowledged by now of the refused batches that
// some letters belong to. No letter is on its way.
func (s *deadLetters) settleRefused(batch []*letters.Letter) {
	var before *Upload
	for _, l := range batch {
		if u := whose(l).upload; u != nil && u != before {
			before = u
			if !s.letteredAll(u) {
				s.letteredTo(u)
			}
		}
	}
}

// letteredTo settles the pieces whose records are all acknowledged, and moves the
// start of those of which the first ones are: the next owner need not write them
// again.
func (s *deadLetters) letteredTo(u *Upload) {
	awaited := map[*assignment.Partition]int64{} // the first offset of each
	for l := range s.LetterQueue.Waiting() {
		o := whose(l)
		if first, ok := awaited[o.partition]; o.upload == u && (!ok || l.Offset < first) {
			awaited[o.partition] = l.Offset
		}
	}
	for i := range u.Pieces[:min(u.reading+1, len(u.Pieces))] {
		pc := &u.Pieces[i]
		if pc.takenBack() {
			continue // or settled
		}
		next := pc.Node.Last + 1
		if i == u.reading {
			next = u.readFrom
		}
		if first, ok := awaited[pc.Partition]; ok {
			next = min(next, first)
		}
		s.pieceLettered(pc, next)
	}
}

// pieceLettered notes that the piece's records below next are acknowledged.
func (s *deadLetters) pieceLettered(pc *piece, next int64) {
	p, node := pc.Partition, pc.Node
	if next > node.Last {
		s.SettleNode(p, node)
	} else if next > node.First {
		s.ShiftNode(p, node, next)
	}
}

// letteredAll settles a refused batch once all of its records are acknowledged,
// and says whether they are.
func (s *deadLetters) letteredAll(u *Upload) bool {
	if len(u.Pieces) == 0 {
		return true // settled already
	}
	if u.awaited > 0 || u.reading < len(u.Pieces) {
		return false
	}
	u.Namespace.Lettered--
	s.settle(u)
	s.busy(u.Namespace)
	s.Pacer.Forget(u.Namespace.Namespace)
	return true
}
