package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
)

// nextCatchUp gives the reader its next job, if there is one.
func (in *intake) nextCatchUp(now time.Time) {
	r := &in.lines.CatchUp
	if r.Task != nil || in.memory.pending != nil || r.RestUntil.After(now) || in.Mode == assignment.Fenced {
		return
	}
	// In turn: none waits for partitions of the others that cannot be read.
	kinds := [...]func() *imports.CatchUpTask{in.takeLook, in.deadLetters.Job, in.lineJob}
	for range kinds {
		r.Turn++
		if job := kinds[r.Turn%len(kinds)](); job != nil {
			r.Task = job
			r.Reader.Jobs <- job.CatchUpJob // has room for one
			return
		}
	}
}

// lineJob picks the namespace whose turn it is, one of its partitions, and
// everybody else who waits for lines of that partition. Where a batch from
// behind the dropped lines is still in memory, its end is awaited: the read must
// know which lines are done.
func (in *intake) lineJob() *imports.CatchUpTask {
	if in.Mode != assignment.Running {
		return nil
	}
	r := &in.lines.CatchUp
	for range len(r.Namespaces) {
		n := r.Next()
		if len(n.Shed) == 0 || n.Resting() {
			r.Leave() // caught up, or shed again
			continue
		}
		if !n.ReadsBack() {
			continue
		}
		for p, node := range n.Shed {
			if !p.Live() || !p.Ledger.Last(node) {
				continue
			}
			job := &imports.CatchUpTask{Partition: p, CatchUpJob: &fetch.CatchUpJob{Cursor: p.Cursor, From: node.First, Wanted: map[string]bool{}}}
			for _, other := range r.Namespaces {
				if mark := other.Shed[p]; mark != nil && p.Ledger.Last(mark) && other.ReadsBack() {
					job.Wanted[other.Name] = true
					job.From = min(job.From, mark.First)
				}
			}
			return job
		}
	}
	return nil
}

// takeCatchUp takes in what is still wanted of a chunk of a catch-up read. It reports
// false where there is no room for it. While draining only the records of refused
// batches are taken.
func (in *intake) takeCatchUp(c *fetch.Chunk, p *assignment.Partition, now time.Time) bool {
	job := in.lines.CatchUp.Task
	current := p != nil && p == job.Partition && p.Cursor == job.Cursor && c.Epoch == p.Cursor.Epoch.Load()
	switch {
	case !current, job.Refused == nil && in.Mode != assignment.Running:
		if c.Fault != nil {
			in.lines.CatchUp.Task = nil
		}
		return true
	case job.Presence:
		in.takePresence(c, p)
	case c.Fault == nil && in.Mode == assignment.Running && !in.memory.room(c, now):
		return false
	default:
		if c.Oversized != nil {
			in.assignment.HoldRange(p, c, now) // unless the main read has
		}
		if job.Refused != nil {
			in.deadLetters.Take(c, job.Refused, now)
		} else {
			in.takeLines(c, p, now)
		}
	}
	if c.Fault != nil {
		in.catchUpOver(job, c.Fault, now)
	}
	return true
}

// takeLines adds the lines of namespaces that still catch up in the partition.
func (in *intake) takeLines(c *fetch.Chunk, p *assignment.Partition, now time.Time) {
	position := p.Ledger.Position()
	for i := range c.Groups {
		n := in.catchesUp(c.Groups[i].Namespace, p, c)
		if n == nil {
			continue
		}
		for j := range c.Groups[i].Lines {
			l := &c.Groups[i].Lines[j]
			if l.Offset >= n.Shed[p].First && l.Offset < position && !p.Ledger.Done(n.Name, l.Offset) && !p.Ledger.Overtaken(n.Name, l.Offset) && !p.Ledger.Unread(l.Offset) {
				in.lines.Add(n.Name, p, l, n.CountedRefused(p, l.Offset), now)
			}
		}
	}
	for name := range c.CatchUp.Wanted {
		if n := in.catchesUp(name, p, c); n != nil {
			in.lines.MoveMark(n, p, c.Next, now)
		}
	}
}

// catchesUp returns the namespace if its first dropped line in the partition lies where
// the chunk was read, and may come back, else nil.
func (in *intake) catchesUp(name string, p *assignment.Partition, c *fetch.Chunk) *imports.Namespace {
	n := in.lines.Lookup(name)
	if n == nil || n.Resting() {
		return nil
	}
	if mark := n.Shed[p]; mark == nil || mark.First < c.Start || mark.First >= c.Next {
		return nil
	}
	return n
}

// catchUpOver ends a job; after an error the next one waits.
func (in *intake) catchUpOver(job *imports.CatchUpTask, flt *fetch.Fault, now time.Time) {
	r := &in.lines.CatchUp
	r.Task = nil
	if flt.Kind != fetch.FaultNone {
		r.Rotate(job.Refused)
	}
	switch flt.Kind {
	case fetch.FaultNone:
		r.Backoff = 0
	case fetch.FaultOutOfRange:
		in.vanished(job, now)
	default:
		r.Backoff = min(max(2*r.Backoff, fetch.Backoff), fetch.MaxBackoff)
		r.RestUntil = now.Add(r.Backoff)
		in.Metrics.KafkaFailed("fetch")
		in.Faults.Log(now, "catch-up read failed; it will be tried again", "catchup/"+job.Cursor.Topic,
			"topic", job.Cursor.Topic, "partition", job.Cursor.Partition, "offset", job.From, "error", flt.Err)
	}
}

// vanished reports what retention has removed of what a namespace still owed, and lets
// the read go on at the log start.
func (in *intake) vanished(job *imports.CatchUpTask, now time.Time) {
	p := job.Partition
	start := p.Cursor.LogStart.Load()
	if start <= job.From {
		in.lines.CatchUp.RestUntil = now.Add(fetch.MaxBackoff)
		return
	}
	in.removed(p, now)
	if job.Refused != nil {
		in.deadLetters.ReadTo(job.Refused, start)
	}
}
