package fetch

import (
	"errors"
	"slices"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// This file is how partitions are read from a replica near by (KIP-392). A leader
// that knows the rack of this process may answer with the replica to ask instead.
// That advice is followed until it is too old or the replica brings anything but
// records of this log: then the leader is asked, and only the leader is believed
// about where a log begins, ends or was truncated. A replica that is offline needs no
// rule of its own, as it answers so or not at all.

const (
	// adviceHolds is how long a leader's advice is followed, and for how long a
	// leader is asked for no other once its advice was bad: as long as metadata
	// holds in Java's consumer, which does the first of the two.
	adviceHolds = 5 * time.Minute
	// lagPatience is how long a replica may have nothing where the leader is known to
	// have records.
	lagPatience = 5 * time.Second
)

// source is the broker that is asked for a partition: the replica that its leader has
// named, if the advice holds, else the leader. Guarded by Fetcher.mu.
type source struct {
	leader, leaderEpoch int32
	replica             int32     // which the leader has named last
	advised             bool      // the replica is asked
	until               time.Time // advised: when the leader is asked again; else: when it may name a replica again
	behind              time.Time // since when the replica has lacked what the leader has, zero if it does not
}

// server returns who is asked.
func (s *source) server() int32 {
	if s.advised {
		return s.replica
	}
	return s.leader
}

// follower reports whether who is asked is not the leader.
func (s *source) follower() bool { return s.server() != s.leader }

// mayAdvise reports whether the leader may name a replica.
func (s *source) mayAdvise(now time.Time) bool { return !s.advised && !now.Before(s.until) }

// expire ends advice that has been followed for long enough, and reports whether it
// does.
func (s *source) expire(now time.Time) bool {
	if !s.advised || now.Before(s.until) {
		return false
	}
	s.advised = false
	return true
}

// advise notes that the leader names a replica to ask, -1 for none.
func (s *source) advise(replica int32) {
	if replica >= 0 && replica != s.leader {
		s.replica, s.advised, s.until, s.behind = replica, true, time.Now().Add(adviceHolds), time.Time{}
	}
}

// relead notes who leads the partition. A replica that does needs no advice any more.
func (s *source) relead(leader, epoch int32) {
	if s.leader, s.leaderEpoch = leader, epoch; s.advised && s.replica == leader {
		s.advised, s.until = false, time.Time{}
	}
}

// Distrust makes the leader be asked for the partition again and for a while name no
// replica, if one is asked now. why is what is wrong with what came from it. Any
// goroutine may call it.
func (f *Fetcher) Distrust(c *Cursor, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.distrust(c, why)
}

// distrust is Distrust with mu held.
func (f *Fetcher) distrust(c *Cursor, why error) {
	if !c.advised {
		return
	}
	c.advised, c.until = false, time.Now().Add(adviceHolds)
	c.suspect()
	f.wake(c.leader)
	f.cfg.Distrusted(c.TopicPartition, c.replica, why)
}

var (
	errReplicaEnds = errors.New("its log ends before the position")
	errReplicaLags = errors.New("it has fallen behind the leader")
)

// trust reports whether what a follower answers can be used. If not, the leader is
// asked the same: a follower that lags may know less of the log than has been read.
func (f *Fetcher) trust(a asked, p *wire.FetchedPartition) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	var why error
	switch code := kafka.Code(p.ErrorCode); {
	case code != kafka.CodeOK:
		f.cfg.Failed("fetch")
		why = code
	case p.Diverged():
		why = errReplicaEnds
	case a.lags(p, f.cfg.ReadCommitted):
		why = errReplicaLags
	default:
		return true
	}
	f.Refresh()
	f.distrust(a.Cursor, why)
	return false
}

// lags notes how far a follower has come, and reports whether it has had nothing for
// too long where the leader has records. Its ends count where they are beyond those
// of the leader as far as these are known; else the leader is asked by Survey. Call with
// Fetcher.mu held.
func (a *asked) lags(p *wire.FetchedPartition, committed bool) bool {
	end := stable(p, committed)
	a.HighWatermark.Store(max(a.HighWatermark.Load(), p.HighWatermark))
	a.StableOffset.Store(max(a.StableOffset.Load(), end))
	switch now := time.Now(); {
	case end > a.offset || a.end <= a.offset:
		a.behind = time.Time{}
	case a.behind.IsZero():
		a.behind = now
	default:
		return now.Sub(a.behind) >= lagPatience
	}
	return false
}

// alike keeps the partitions that are asked for in the same way as the first one, with
// the rack or without: a request has one rack for all.
func alike(batch []asked) []asked {
	return slices.DeleteFunc(batch, func(a asked) bool { return a.racked != batch[0].racked })
}
