package session

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
func (s *attempts) refused(r result, now time.Time) {
	n, u, tells := r.namespace, r.upload, r.tells()
	if u != nil {
		for _, pc := range u.pieces {
			s.Metrics.RefusedLines(pc.partition.Topic, pc.lines-pc.told)
		}
	}
	if s.Config.OnRejected == record.DeadLetter {
		s.letterRefused(r, tells, now)
		return
	}
	if u != nil {
		n.noteRefused(u.pieces)
	}
	s.hold(r, now, "an import was refused for good")
}

// letterRefused applies the policy dlq to what was refused. Of a namespace whose
// lines have left memory a batch is read back first: it will be refused as well.
func (s *attempts) letterRefused(r result, tells bool, now time.Time) {
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
		"operation", r.outcome.Operation, "status", r.outcome.Status, "records", u.batch.Records, "offsets", offsetsOf(u.pieces))
	s.letterUpload(n, u, r.outcome)
	if len(n.shed) > 0 { // while this batch may have been stored, the others left memory
		s.catchUp.want(n)
	}
}

// letterUpload begins to dead-letter the records of a refused batch: they are
// read again, since the batch holds lines only. Its body leaves memory.
func (s *deadLetters) letterUpload(n *namespace, u *upload, refusal importer.Outcome) {
	u.drop()
	u.lettering, u.refusal, u.imp = true, refusal, nil
	u.reading, u.readFrom = 0, u.pieces[0].node.First
	n.lettered++
	u.batch.Release()
	s.catchUp.uploads = append(s.catchUp.uploads, u)
	s.readTo(u, u.readFrom)
}

// letterJob returns the next fetch for a refused batch, nil if there is none or
// enough letters wait already.
func (s *deadLetters) letterJob() *catchUpTask {
	r := &s.catchUp
	if !s.letter.Few() {
		return nil
	}
	i := slices.IndexFunc(r.uploads, (*upload).readable)
	if i < 0 {
		return nil
	}
	u := r.uploads[i]
	p := u.pieces[u.reading].partition
	job := &fetch.CatchUpJob{Cursor: p.Cursor, From: u.readFrom, Wanted: map[string]bool{u.namespace.Name: true}, Originals: true}
	return &catchUpTask{CatchUpJob: job, partition: p, upload: u}
}

// readable says whether the refused batch's next records can be read here.
func (u *upload) readable() bool {
	p := u.pieces[u.reading].partition
	return p.IsOpen() && !p.Lost
}

// takeLetters posts the records that a chunk of the job found.
func (s *deadLetters) takeLetters(c *fetch.Chunk, u *upload, p *assignment.Partition, now time.Time) {
	if u.reading >= len(u.pieces) || u.pieces[u.reading].partition != p || c.Start > u.readFrom {
		return
	}
	pc := &u.pieces[u.reading]
	for i := range c.Rejects {
		r := &c.Rejects[i]
		if r.Offset < u.readFrom || r.Offset > pc.node.Last || p.Ledger.Done(u.namespace.Name, r.Offset) || p.Ledger.Overtaken(u.namespace.Name, r.Offset) || !pc.node.Single && p.Ledger.Released(r.Offset) {
			continue
		}
		l := letters.Of(r)
		if l.IsLetter() {
			s.HoldRecord(p, r.Offset, r.Time, "the API refused it, and it is a dead letter of a bridge already", now)
			continue
		}
		l.Describe("refused", u.refusal.Err.Error())
		l.Namespace, l.RequestID = u.namespace.Name, u.refusal.RequestID
		l.Owner = &letterOwner{partition: p, history: p.Ledger, upload: u}
		u.awaited++
		s.letter.Post(l)
	}
	s.readTo(u, c.Next)
}

// readTo moves a refused batch's read on, piece by piece, and past those of logs
// that were taken back: what is there now has been refused by nobody.
func (s *deadLetters) readTo(u *upload, next int64) {
	u.readFrom = max(u.readFrom, next)
	for u.readFrom > u.pieces[u.reading].node.Last || u.pieces[u.reading].takenBack() {
		if u.reading++; u.reading == len(u.pieces) {
			s.lettersRead(u)
			return
		}
		u.readFrom = u.pieces[u.reading].node.First
	}
}

// passTakenBack lets refused batches leave out what a partition that has started
// over had of them.
func (s *deadLetters) passTakenBack() {
	for _, u := range slices.Clone(s.catchUp.uploads) {
		s.readTo(u, u.readFrom)
	}
}

// lettersRead: all records of a refused batch have been read.
func (s *deadLetters) lettersRead(u *upload) {
	s.catchUp.uploads = slices.DeleteFunc(s.catchUp.uploads, func(other *upload) bool { return other == u })
	s.letteredAll(u)
}

// lettersVanished goes on with a refused batch behind records that the
// retention has removed.
func (s *deadLetters) lettersVanished(u *upload, p *assignment.Partition, start int64) {
	if u.reading < len(u.pieces) && u.pieces[u.reading].partition == p {
		s.readTo(u, start)
	}
}

// settleRefused settles what is acknowledged by now of the refused batches that
// some letters belong to. No letter is on its way.
func (s *deadLetters) settleRefused(batch []*letters.Letter) {
	var before *upload
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
func (s *deadLetters) letteredTo(u *upload) {
	awaited := map[*assignment.Partition]int64{} // the first offset of each
	for l := range s.letter.Waiting() {
		o := whose(l)
		if first, ok := awaited[o.partition]; o.upload == u && (!ok || l.Offset < first) {
			awaited[o.partition] = l.Offset
		}
	}
	for i := range u.pieces[:min(u.reading+1, len(u.pieces))] {
		pc := &u.pieces[i]
		if pc.takenBack() {
			continue // or settled
		}
		next := pc.node.Last + 1
		if i == u.reading {
			next = u.readFrom
		}
		if first, ok := awaited[pc.partition]; ok {
			next = min(next, first)
		}
		s.pieceLettered(pc, next)
	}
}

// pieceLettered notes that the piece's records below next are acknowledged.
func (s *deadLetters) pieceLettered(pc *piece, next int64) {
	p, node := pc.partition, pc.node
	if next > node.Last {
		s.SettleNode(p, node)
		s.PauseOrResume(p)
	} else if next > node.First {
		s.ShiftNode(p, node, next)
	}
}

// letteredAll settles a refused batch once all of its records are acknowledged,
// and says whether they are.
func (s *deadLetters) letteredAll(u *upload) bool {
	if len(u.pieces) == 0 {
		return true // settled already
	}
	if u.awaited > 0 || u.reading < len(u.pieces) {
		return false
	}
	u.namespace.lettered--
	s.settle(u)
	s.busy(u.namespace)
	s.Pacer.Forget(u.namespace.Namespace)
	return true
}
