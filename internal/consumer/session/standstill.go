package session

import (
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
)

// silentAfter is how long a leader may leave its partitions without an answer
// before that is reported: longer than one request may take.
const silentAfter = 15 * time.Second

// How long a partition may wait at a producer's open transaction before /status says so,
// and before the log does: as long as brokers let a transaction be open by default
// (transaction.max.timeout.ms). What writes at intervals keeps them open for minutes.
const (
	openShownAfter  = time.Minute
	openLoggedAfter = 15 * time.Minute
)

const openRemedy = "its producer has neither committed nor aborted it; kafka-transactions.sh find-hanging finds what is left behind by one that is gone"

// lookAround notices what no event brings: retention that removes what is held, and
// reading that stands still.
func (s *Session) lookAround(now time.Time) {
	if now.Before(s.lookAt) {
		return
	}
	s.lookAt = now.Add(maxSleep)
	for _, p := range s.assignment.Partitions {
		s.intake.lookForRemoved(p, now)
		s.intake.lookForCompacted(p, now)
		s.noteRecovered(p)
		s.noteTransaction(p, now)
	}
	s.reportSilence(now)
	switch since := s.memory.pendingSince.UTC().Format(time.RFC3339); {
	case !s.memory.memoryFull(now):
	case s.Taste.RenewAt().After(now):
		s.Faults.Log(now, "nothing of what was read can be stored: until something is, one buffer is read in each BRIDGE_HOLD_PROBE_INTERVAL", "taste", "since", since,
			"next_read_at", s.Taste.RenewAt().UTC().Format(time.RFC3339))
	default:
		s.Faults.Log(now, "memory is full: nothing is read until imports free some", "memory", "since", since,
			"limit_bytes", s.Config.BufferMaxBytes, "most_is_held_by", s.memory.fullest())
	}
}

// noteRecovered clears the failure of a partition that can be read again: where there
// is nothing to read, no chunk does.
func (s *Session) noteRecovered(p *assignment.Partition) {
	if p.State() == assignment.Failed && p.IsOpen() && s.Fetcher.Standing(p.Cursor).Empty {
		p.Backoff = 0
		s.assignment.Mend(p)
	}
}

// noteTransaction logs a partition that waits at an open transaction for long.
func (s *Session) noteTransaction(p *assignment.Partition, now time.Time) {
	p.NoteTransaction(now)
	if offset, waits := p.OpenTransaction(now); waits >= openLoggedAfter {
		s.Faults.Log(now, "a partition waits at an open transaction; "+openRemedy, "transaction/"+p.Topic,
			"topic", p.Topic, "partition", p.Partition, "offset", offset, "for", waits.Round(time.Second).String())
	}
}

// reportSilence logs leaders that have not answered for a while, with their
// partitions.
func (s *Session) reportSilence(now time.Time) {
	silent := map[int32][]string{}
	for _, p := range assignment.Sorted(s.assignment.Partitions) {
		if p.Live() {
			if st := s.Fetcher.Standing(p.Cursor); silence(st, now) > 0 {
				silent[st.Leader] = append(silent[st.Leader], fmt.Sprintf("%s/%d", p.Topic, p.Partition))
				if len(silent[st.Leader]) == 1 {
					s.Faults.Log(now, "a leader does not answer for its partitions; they are asked for again and again, the others go on", fmt.Sprintf("silent/%d", st.Leader),
						"broker", st.Leader, "since", st.Unanswered.UTC().Format(time.RFC3339), "first_partition", silent[st.Leader][0], "error", s.Explain(st.Err))
				}
			}
		}
	}
}

// silence is for how long the leader has been silent, 0 for less than silentAfter.
func silence(st fetch.Standing, now time.Time) time.Duration {
	if d := now.Sub(st.Unanswered); !st.Unanswered.IsZero() && d >= silentAfter {
		return d
	}
	return 0
}

// throttled reports how long a broker lets reading wait because of a quota. Any
// goroutine may call it.
func (s *Session) throttled(broker int32, d time.Duration) {
	s.Metrics.ThrottledFor(d)
	s.Faults.Log(time.Now(), "a broker slows reading down: a quota of this client or user is used up", fmt.Sprintf("throttled/%d", broker),
		"broker", broker, "for", d.String(), "remedy", throttledRemedy)
}

// distrusted reports that a replica in this process's rack is given up for a while. Any
// goroutine may call it.
func (s *Session) distrusted(tp kafka.TopicPartition, replica int32, why error) {
	s.Faults.Log(time.Now(), "a replica in this rack is not read from for a while; their leaders are; nothing is lost", fmt.Sprintf("replica/%d", replica),
		"broker", replica, "topic", tp.Topic, "partition", tp.Partition, "error", s.Explain(why))
}

const throttledRemedy = "raise consumer_byte_rate or request_percentage of its client id or user (kafka-configs.sh), or add no more replicas"

// standstill says in a partition's status why nothing is read of it, where the
// partition itself has nothing to do with that. full is what a chunk waits for that has
// no room, "" if there is none.
func (v *view) standstill(out *report.PartitionStatus, p *assignment.Partition, full string, now time.Time) {
	if !p.IsOpen() || out.Error != nil {
		return
	}
	st, state, text := v.Fetcher.Standing(p.Cursor), "", ""
	offset, waits := p.OpenTransaction(now)
	switch d := silence(st, now); {
	case d > 0:
		state, text = "failed", fmt.Sprintf("its leader, broker %d, has not answered for %s: %s", st.Leader, d.Round(time.Second), v.Explain(st.Err))
	case full != "" && out.Unread > 0:
		state, text = "paused", full
	case st.Throttled.After(now):
		state, text = "paused", fmt.Sprintf("broker %d slows reading down until %s, as a quota is used up: %s", st.Server, st.Throttled.UTC().Format(time.RFC3339), throttledRemedy)
	case waits >= openShownAfter:
		text = fmt.Sprintf("it waits at an open transaction at offset %d for %s: %s", offset, waits.Round(time.Second), openRemedy)
	default:
		return
	}
	if out.Error = &text; out.State == "reading" && state != "" {
		out.State = state
	}
}
