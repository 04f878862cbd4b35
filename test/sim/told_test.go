package sim

import (
	"fmt"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/report"
)

// toldWithin is how long after all is settled the processes may still tell of
// something else: the ends of logs that are not fetched are asked for now and then.
const toldWithin = 3 * time.Minute

// checkTold compares what the processes tell with what is true, once nothing is owed.
func (w *world) checkTold() {
	lie := ""
	for end := time.Now().Add(toldWithin); time.Now().Before(end); time.Sleep(5 * time.Second) {
		if lie = w.lie(); lie == "" {
			return
		}
	}
	w.truth.blame("%s after all is settled: %s%s", toldWithin, lie, w.told())
}

// lie is something that a process tells and that is not so, "" for nothing.
func (w *world) lie() string {
	commits := w.sample()
	w.mu.Lock()
	all := slices.Clone(w.processes)
	w.mu.Unlock()
	owners := map[place]string{}
	for _, p := range all {
		if p.over() || p.killed.Load() {
			continue
		}
		st := p.status()
		if st == nil {
			return p.name + " does not answer"
		}
		for i := range st.Partitions {
			part := &st.Partitions[i]
			at := w.truth.place(part.Topic, part.Partition)
			if owners[at] != "" {
				return fmt.Sprintf("%v belongs to %s and %s", at, owners[at], p.name)
			}
			owners[at] = p.name
			committed := int64(-1)
			if c, ok := commits[part.Topic][part.Partition]; ok {
				committed = c.Offset
			}
			if why := w.truth.lie(at, part, committed); why != "" {
				return fmt.Sprintf("%s says of %v: %s", p.name, at, why)
			}
		}
	}
	return w.truth.unowned(owners)
}

// unowned names a partition with records that nobody reads, "" for none.
func (t *truth) unowned(owners map[place]string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at, log := range t.logs {
		if at.incarnation == t.current[at.topic] && len(log) > 0 && owners[at] == "" {
			return fmt.Sprintf("%v belongs to nobody", at)
		}
	}
	return ""
}

// never is what is told of a partition and cannot be true at any moment, "" for
// nothing. What was told is older than what is known here.
func (t *truth) never(told *report.PartitionStatus) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := place{topic: told.Topic, partition: told.Partition}
	if t.current[told.Topic] > 0 {
		return "" // it may be of the topic before
	}
	committed, end := t.committed[at], int64(len(t.logs[at]))
	switch {
	case told.CommittedOffset > committed && !t.late && t.forgotten.IsZero():
		return fmt.Sprintf("%d is committed, and at most %d is", told.CommittedOffset, committed)
	case told.HighWatermark > end:
		return fmt.Sprintf("the log ends at %d, and it does at %d", told.HighWatermark, end)
	case told.CommittedOffset >= 0 && told.HighWatermark >= told.CommittedOffset && told.LagRecords != told.HighWatermark-told.CommittedOffset:
		return fmt.Sprintf("the lag from %d to %d is %d", told.CommittedOffset, told.HighWatermark, told.LagRecords)
	case told.State == "failed" && told.Error == nil:
		return "it is failed, and nothing is said of why"
	}
	return ""
}

// lie is what is wrong with what is told of a partition, "" for nothing.
func (t *truth) lie(at place, told *report.PartitionStatus, committed int64) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	log := t.logs[at]
	end := int64(len(log))
	switch {
	case told.CommittedOffset != committed:
		return fmt.Sprintf("%d is committed, and it is %d", told.CommittedOffset, committed)
	case told.HighWatermark != end:
		return fmt.Sprintf("the log ends at %d, and it does at %d", told.HighWatermark, end)
	case committed >= 0 && told.LagRecords != end-committed:
		return fmt.Sprintf("the lag is %d, and it is %d", told.LagRecords, end-committed)
	case slices.ContainsFunc(log, func(r *produced) bool { return r.open }):
		return "" // what lies behind an open transaction is not to be read
	case committed == end && (told.State != "reading" || told.PinnedBy != nil || told.LagSeconds != 0):
		return fmt.Sprintf("it is %s with a lag of %v s, pinned by %+v, and all is done", told.State, told.LagSeconds, told.PinnedBy)
	case committed >= 0 && committed < end && (told.State != "held" || told.PinnedBy == nil || told.PinnedBy.Offset != committed):
		return fmt.Sprintf("it is %s, pinned by %+v, and %s is held", told.State, told.PinnedBy, log[committed])
	}
	return ""
}
