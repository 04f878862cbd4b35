package preflight

import (
	"fmt"
	"strconv"
	"strings"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/wire"
)

// judgeTopic returns the finding for a topic: whether it can be read, and how many
// records are ahead.
func (p *Preflight) judgeTopic(t *inspectedTopic) Finding {
	check := "topic " + t.name
	var ahead int64
	var gaps []string
	var failed []error
	for _, part := range t.partitions {
		if part.err != nil {
			failed = append(failed, fmt.Errorf("partition %d: %w", part.Partition, part.err))
			continue
		}
		if gap := p.placeStart(part, t.id); gap != "" {
			gaps = append(gaps, fmt.Sprintf("partition %d: %s", part.Partition, gap))
		}
		ahead += part.end() - part.start
	}
	if len(failed) > 0 {
		f := p.failure(check, failed[0])
		if n := len(failed); n > 1 {
			f.Detail += fmt.Sprintf(" (one of %d partitions that cannot be read)", n)
		}
		return f
	}
	detail := fmt.Sprintf("%s, readable; ", count(len(t.partitions), "partition"))
	if !p.committing {
		return Finding{Check: check, OK: true, Detail: detail + "how many records are ahead is unknown without the group's offsets"}
	}
	detail += count(int(ahead), "record")
	if p.fresh {
		detail += " ahead of the group, which is new" + p.skipping(t)
	} else {
		detail += " ahead of what the group has committed"
	}
	if len(gaps) == 0 {
		return Finding{Check: check, OK: true, Detail: detail}
	}
	detail += "; " + strings.Join(gaps[:min(len(gaps), 3)], "; ")
	if more := len(gaps) - 3; more > 0 {
		detail += fmt.Sprintf("; and %d more", more)
	}
	if p.cfg.OffsetReset == ledger.ResetHold {
		return Finding{Check: check, Detail: detail + "; BRIDGE_KAFKA_OFFSET_RESET=hold would hold these partitions",
			Remedy: "set the group's offset with kafka-consumer-groups --reset-offsets, or BRIDGE_KAFKA_OFFSET_RESET to earliest"}
	}
	return Finding{Check: check, OK: true, Detail: detail}
}

// placeStart notes where a bridge would begin to read, and returns a remark on an odd
// committed offset, "" for none.
func (p *Preflight) placeStart(part *inspectedPartition, id wire.UUID) (gap string) {
	c, known := p.committed[part.TopicPartition]
	if !known {
		c.Offset = -1
	}
	log := part.log
	at := ledger.Resume(ledger.Committed{Offset: c.Offset, LeaderEpoch: c.LeaderEpoch, Metadata: c.Metadata}, ledger.Log(log), ledger.Reader{
		Identity: ledger.Identity(id, p.cluster), Reset: p.cfg.OffsetReset, Fresh: p.fresh,
	})
	switch part.start = min(at.Offset, part.end()); {
	case at.Problem != nil:
		part.start, gap = log.Begin, at.Problem.Error()
	case at.Offset > log.End: // a bridge would ask the leader from where to read again
		gap = fmt.Sprintf("committed offset %d lies beyond the end %d", at.Offset, log.End)
	}
	return gap
}

// skipping lists where the partitions of a new group start, if that is not where
// their logs do.
func (p *Preflight) skipping(t *inspectedTopic) string {
	if !p.cfg.OffsetReset.Skips() {
		return ""
	}
	var starts []string
	for _, part := range t.partitions {
		at := strconv.FormatInt(part.start, 10)
		if part.start == part.end() {
			at += " (the end)"
		}
		starts = append(starts, fmt.Sprintf("%d at %s", part.Partition, at))
	}
	return fmt.Sprintf(": %s starts partition %s", p.cfg.OffsetReset, some(starts))
}
