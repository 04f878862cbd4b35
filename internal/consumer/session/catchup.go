package session

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/pace"
)

// catchUps is what the loop knows of reads below the position: whom they are for,
// and the one that is under way.
type catchUps struct {
	reader     *fetch.CatchUpReader
	task       *catchUpTask // under way, or nil
	lines      bool         // it is their turn, not that of dead letters
	namespaces []*namespace // that catch up, in turn
	uploads    []*upload    // refused ones, whose records are read for the dead-letter topic
	look       *catchUpTask // that shows whether held records are still there, or nil
	restUntil  time.Time
	backoff    time.Duration
}

// catchUpTask is a job of the reader, and whom it is for.
type catchUpTask struct {
	*fetch.CatchUpJob
	partition *assignment.Partition
	upload    *upload // refused: its records become dead letters
}

// want lets a namespace catch up.
func (c *catchUps) want(n *namespace) {
	if !slices.Contains(c.namespaces, n) {
		c.namespaces = append(c.namespaces, n)
	}
}

// rotate lets other refused batches go before one whose read has failed; nil is
// none.
func (c *catchUps) rotate(u *upload) {
	if i := slices.Index(c.uploads, u); i >= 0 {
		c.uploads = append(slices.Delete(c.uploads, i, i+1), u)
	}
}

// nextCatchUp gives the reader its next job, if there is one.
func (s *catchUpReads) nextCatchUp(now time.Time) {
	r := &s.catchUp
	if r.task != nil || s.pending != nil || r.restUntil.After(now) || s.Mode == assignment.Fenced {
		return
	}
	job := s.takeLook()
	if job == nil {
		if job = s.jobFor(r.lines); job == nil {
			job = s.jobFor(!r.lines)
		}
		if job == nil {
			return
		}
		r.lines = job.upload != nil
	}
	r.task = job
	r.reader.Jobs <- job.CatchUpJob // has room for one
}

// jobFor returns the next fetch for dropped lines or for dead letters, which
// take turns: neither waits for partitions of the other that cannot be read.
func (s *catchUpReads) jobFor(lines bool) *catchUpTask {
	switch {
	case !lines:
		return s.letterJob()
	case s.Mode == assignment.Running:
		return s.lineJob()
	}
	return nil
}

// lineJob picks the namespace whose turn it is, one of its partitions, and
// everybody else who waits for lines of that partition. Where a batch from
// behind the dropped lines is still in memory, its end is awaited: the read must
// know which lines are done.
func (s *catchUpReads) lineJob() *catchUpTask {
	r := &s.catchUp
	for range len(r.namespaces) {
		n := r.namespaces[0]
		r.namespaces = append(r.namespaces[1:], n)
		if len(n.shed) == 0 || n.Resting() {
			r.namespaces = r.namespaces[:len(r.namespaces)-1] // caught up, or shed again
			continue
		}
		if !s.readsBack(n) {
			continue
		}
		for p, node := range n.shed {
			if p.Lost || !p.IsOpen() || !p.Ledger.Last(node) {
				continue
			}
			job := &catchUpTask{partition: p, CatchUpJob: &fetch.CatchUpJob{Cursor: p.Cursor, From: node.First, Wanted: map[string]bool{}}}
			for _, other := range r.namespaces {
				if mark := other.shed[p]; mark != nil && p.Ledger.Last(mark) && s.readsBack(other) {
					job.Wanted[other.Name] = true
					job.From = min(job.From, mark.First)
				}
			}
			return job
		}
	}
	return nil
}

// readsBack says whether more of the namespace's lines may be read now: in a
// trial one batch must be stored before the next is read.
func (s *catchUpReads) readsBack(n *namespace) bool {
	return len(n.shed) > 0 && (!n.Dropping() || n.State() == pace.Trial && len(n.uploads) == 0)
}

// takeCatchUp receives a chunk of a catch-up read. While draining only the
// records of refused batches are taken.
func (s *catchUpReads) takeCatchUp(c *fetch.Chunk, p *assignment.Partition, now time.Time) {
	job := s.catchUp.task
	current := p != nil && p == job.partition && p.Cursor == job.Cursor && c.Epoch == p.Cursor.Epoch.Load()
	switch {
	case !current, job.upload == nil && s.Mode != assignment.Running:
		if c.Fault != nil {
			s.catchUp.task = nil
		}
		c.Recycle()
	case job.Presence:
		s.takePresence(c, p)
		if c.Fault != nil {
			s.catchUpOver(job, c.Fault, now)
		}
		c.Recycle()
	case c.Fault == nil && s.Mode == assignment.Running && !s.room(c, now):
		s.wait(c, now)
	default:
		s.full = time.Time{}
		if c.Oversized != nil {
			s.HoldRange(p, c, now) // unless the main read has
		}
		if job.upload != nil {
			s.takeLetters(c, job.upload, p, now)
		} else {
			s.takeLines(c, p, now)
		}
		if c.Fault != nil {
			s.catchUpOver(job, c.Fault, now)
		}
		c.Recycle()
	}
}

// takeLines adds the lines of namespaces that still catch up in the partition.
func (s *catchUpReads) takeLines(c *fetch.Chunk, p *assignment.Partition, now time.Time) {
	position := p.Ledger.Position()
	for i := range c.Groups {
		n := s.namespace(c.Groups[i].Namespace)
		mark := n.shed[p]
		if mark == nil || n.Resting() || mark.First < c.Start {
			continue
		}
		for j := range c.Groups[i].Lines {
			l := &c.Groups[i].Lines[j]
			if l.Offset >= mark.First && l.Offset < position && !p.Ledger.Done(n.Name, l.Offset) && !p.Ledger.Overtaken(n.Name, l.Offset) && !p.Ledger.Unread(l.Offset) {
				s.add(n.Name, p, l, n.toldRefused(p, l.Offset), now)
			}
		}
	}
	for name := range c.CatchUp.Wanted {
		n := s.namespace(name)
		s.shift(n, p, c, now)
		s.Pacer.Forget(n.Namespace)
	}
}

// shift moves a namespace's mark over what the chunk has covered. At the
// position the main read takes over: nothing of the namespace is dropped in
// this partition any more.
func (s *catchUpReads) shift(n *namespace, p *assignment.Partition, c *fetch.Chunk, now time.Time) {
	mark := n.shed[p]
	if mark == nil || n.Resting() || mark.First < c.Start || c.Next <= mark.First {
		return
	}
	s.moveMark(n, p, c.Next, now)
}

// endOfTrialRead: all dropped lines are in memory again. What there is must be
// tried now; where it was nothing, the namespace is ordinary again.
func (s *catchUpReads) endOfTrialRead(n *namespace, now time.Time) {
	if b, ok := s.batches.SealNamespace(n.Name, batcher.ReasonAge); ok {
		s.queue(b, now)
		return
	}
	n.CaughtUp()
	s.Pacer.Forget(n.Namespace)
}

// catchUpOver ends a job; after an error the next one waits.
func (s *catchUpReads) catchUpOver(job *catchUpTask, flt *fetch.Fault, now time.Time) {
	r := &s.catchUp
	r.task = nil
	if flt.Kind != fetch.FaultNone {
		r.rotate(job.upload)
	}
	switch flt.Kind {
	case fetch.FaultNone:
		r.backoff = 0
	case fetch.FaultOutOfRange:
		s.vanished(job, now)
	default:
		r.backoff = min(max(2*r.backoff, fetch.Backoff), fetch.MaxBackoff)
		r.restUntil = now.Add(r.backoff)
		s.Metrics.KafkaFailed("fetch")
		s.Faults.Log(now, "catch-up read failed; it will be tried again", "catchup/"+job.Cursor.Topic,
			"topic", job.Cursor.Topic, "partition", job.Cursor.Partition, "offset", job.From, "error", flt.Err)
	}
}

// vanished: the retention has removed what a namespace still owed. It is told,
// and the read goes on at the log start.
func (s *catchUpReads) vanished(job *catchUpTask, now time.Time) {
	p := job.partition
	start := p.Cursor.LogStart.Load()
	if start <= job.From {
		s.catchUp.restUntil = now.Add(fetch.MaxBackoff)
		return
	}
	s.removed(p, now)
	if job.upload != nil {
		s.lettersVanished(job.upload, p, start)
	}
}
