package consumer

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/pace"
)

// catchUps is what the loop knows of reads below the position: whom they are for,
// and the one that is under way.
type catchUps struct {
	reader     *catchUpReader
	task       *catchUpTask // under way, or nil
	lines      bool         // it is their turn, not that of dead letters
	namespaces []*namespace // that catch up, in turn
	uploads    []*upload    // refused ones, whose records are read for the dead-letter topic
	restUntil  time.Time
	backoff    time.Duration
}

// catchUpTask is a job of the reader, and whom it is for.
type catchUpTask struct {
	*catchUpJob
	partition *partition
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
func (s *session) nextCatchUp(now time.Time) {
	r := &s.catchUp
	if r.task != nil || s.pending != nil || r.restUntil.After(now) || s.mode == fenced {
		return
	}
	job := s.jobFor(r.lines)
	if job == nil {
		job = s.jobFor(!r.lines)
	}
	if job != nil {
		r.task, r.lines = job, job.upload != nil
		r.reader.jobs <- job.catchUpJob // has room for one
	}
}

// jobFor returns the next fetch for dropped lines or for dead letters, which
// take turns: neither waits for partitions of the other that cannot be read.
func (s *session) jobFor(lines bool) *catchUpTask {
	switch {
	case !lines:
		return s.letterJob()
	case s.mode == running:
		return s.lineJob()
	}
	return nil
}

// lineJob picks the namespace whose turn it is, one of its partitions, and
// everybody else who waits for lines of that partition. Where a batch from
// behind the dropped lines is still in memory, its end is awaited: the read must
// know which lines are done.
func (s *session) lineJob() *catchUpTask {
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
			if p.lost || !p.open() || !p.ledger.Last(node) {
				continue
			}
			job := &catchUpTask{partition: p, catchUpJob: &catchUpJob{cursor: p.cursor, from: node.First, wanted: map[string]bool{}}}
			for _, other := range r.namespaces {
				if mark := other.shed[p]; mark != nil && p.ledger.Last(mark) && s.readsBack(other) {
					job.wanted[other.Name] = true
					job.from = min(job.from, mark.First)
				}
			}
			return job
		}
	}
	return nil
}

// readsBack says whether more of the namespace's lines may be read now: in a
// trial one batch must be stored before the next is read.
func (s *session) readsBack(n *namespace) bool {
	return len(n.shed) > 0 && (!n.Dropping() || n.State() == pace.Trial && len(n.uploads) == 0)
}

// takeCatchUp receives a chunk of a catch-up read. While draining only the
// records of refused batches are taken.
func (s *session) takeCatchUp(c *chunk, p *partition, now time.Time) {
	job := s.catchUp.task
	current := p != nil && p == job.partition && p.cursor == job.cursor && c.epoch == p.cursor.epoch.Load()
	switch {
	case !current, job.upload == nil && s.mode != running:
		if c.fault != nil {
			s.catchUp.task = nil
		}
		c.recycle()
	case c.fault == nil && s.mode == running && !s.room(c, now):
		s.pending, s.pausedAt = c, now
	default:
		if c.oversized != nil {
			s.holdRange(p, c, now) // unless the main read has
		}
		if job.upload != nil {
			s.takeLetters(c, job.upload, p, now)
		} else {
			s.takeLines(c, p, now)
		}
		if c.fault != nil {
			s.catchUpOver(job, c.fault, now)
		}
		c.recycle()
	}
}

// takeLines adds the lines of namespaces that still catch up in the partition.
func (s *session) takeLines(c *chunk, p *partition, now time.Time) {
	position := p.ledger.Position()
	for i := range c.groups {
		n := s.namespace(c.groups[i].namespace)
		mark := n.shed[p]
		if mark == nil || n.Resting() || mark.First < c.start {
			continue
		}
		for j := range c.groups[i].lines {
			l := &c.groups[i].lines[j]
			if l.offset >= mark.First && l.offset < position && !p.ledger.Done(n.Name, l.offset) && !p.ledger.Overtaken(n.Name, l.offset) && !p.ledger.Unread(l.offset) {
				s.add(n.Name, p, l, n.toldRefused(p, l.offset), now)
			}
		}
	}
	for name := range c.catchUp.wanted {
		n := s.namespace(name)
		s.shift(n, p, c, now)
		s.pacer.Forget(n.Namespace)
	}
}

// shift moves a namespace's mark over what the chunk has covered. At the
// position the main read takes over: nothing of the namespace is dropped in
// this partition any more.
func (s *session) shift(n *namespace, p *partition, c *chunk, now time.Time) {
	mark := n.shed[p]
	if mark == nil || n.Resting() || mark.First < c.start || c.next <= mark.First {
		return
	}
	if c.next < p.ledger.Position() {
		s.shiftNode(p, mark, c.next)
		return
	}
	s.dropNode(p, mark)
	s.unmark(n, p)
	if n.State() == pace.Trial && len(n.shed) == 0 && len(n.uploads) == 0 {
		s.endOfTrialRead(n, now)
	}
}

// endOfTrialRead: all dropped lines are in memory again. What there is must be
// tried now; where it was nothing, the namespace is ordinary again.
func (s *session) endOfTrialRead(n *namespace, now time.Time) {
	if b, ok := s.batches.SealNamespace(n.Name, batcher.ReasonAge); ok {
		s.queue(b, now)
		return
	}
	n.CaughtUp()
	s.pacer.Forget(n.Namespace)
}

// catchUpOver ends a job; after an error the next one waits.
func (s *session) catchUpOver(job *catchUpTask, flt *fault, now time.Time) {
	r := &s.catchUp
	r.task = nil
	if flt.kind != faultNone {
		r.rotate(job.upload)
	}
	switch flt.kind {
	case faultNone:
		r.backoff = 0
	case faultOutOfRange:
		s.vanished(job, now)
	default:
		r.backoff = min(max(2*r.backoff, fetchBackoff), maxFetchBackoff)
		r.restUntil = now.Add(r.backoff)
		s.metrics.KafkaFailed("fetch")
		s.faults.Log(now, "catch-up read failed; it will be tried again", "catchup/"+job.cursor.Topic,
			"topic", job.cursor.Topic, "partition", job.cursor.Partition, "offset", job.from, "error", flt.err)
	}
}

// vanished: the retention has removed what a namespace still owed. It is told,
// and the read goes on at the log start.
func (s *session) vanished(job *catchUpTask, now time.Time) {
	p := job.partition
	start := p.cursor.start.Load()
	if start <= job.from {
		s.catchUp.restUntil = now.Add(maxFetchBackoff)
		return
	}
	s.metrics.OffsetReset(p.Topic, "below_log_start")
	s.log.Error("records were removed by Kafka before they could be imported", "topic", p.Topic, "partition", p.Partition,
		"from", job.from, "to", start, "remedy", "the topic's retention must be longer than an outage or a held namespace lasts")
	for name := range job.wanted {
		gap := &chunk{start: job.from, next: start}
		n := s.namespace(name)
		s.shift(n, p, gap, now)
		s.pacer.Forget(n.Namespace)
	}
	if job.upload != nil {
		s.lettersVanished(job.upload, p, start)
	}
}
