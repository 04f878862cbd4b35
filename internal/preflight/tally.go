package preflight

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
)

// tally is what would become of the sampled records of one topic.
type tally struct {
	records    int
	namespaces map[string]*namespaceSample
	rejected   map[string]*rejectedSample // by reason
	schemas    map[string]int             // records, by the schema that they name
}

type namespaceSample struct {
	name         string
	lines, bytes int64
}

// rejectedSample is the records of one reason, and the first of them.
type rejectedSample struct {
	reason, detail string
	policy         record.Policy
	setting        string // that chose the policy
	records        int
	example        string // topic/partition@offset
}

func newTally() *tally {
	return &tally{namespaces: map[string]*namespaceSample{}, rejected: map[string]*rejectedSample{}, schemas: map[string]int{}}
}

func (t *tally) add(namespace string, bytes int64) {
	n := t.namespaces[namespace]
	if n == nil {
		n = &namespaceSample{name: namespace}
		t.namespaces[namespace] = n
	}
	n.lines++
	n.bytes += bytes
}

func (t *tally) reject(r rejectedSample, tp kafka.TopicPartition, offset int64) {
	if t.rejected[r.reason] == nil {
		r.example = fmt.Sprintf("%s/%d@%d", tp.Topic, tp.Partition, offset)
		t.rejected[r.reason] = &r
	}
	t.rejected[r.reason].records++
}

// sampleNamespaces is how many namespaces have a line of their own.
const sampleNamespaces = 50

// report tells the tally: first how much was read, then the largest namespaces,
// then the reasons. Records that would be held are no success: their partitions'
// committed offsets would wait for somebody.
func (t *tally) report(p *Preflight, check string, ahead int64) {
	if ahead == 0 {
		p.ok(check, "no record is ahead, so none was read")
		return
	}
	p.ok(check, fmt.Sprintf("read %s, the oldest of the %d ahead", count(t.records, "record"), ahead))
	for _, schema := range slices.Sorted(maps.Keys(t.schemas)) {
		p.ok(check, fmt.Sprintf("%s by schema %s", count(t.schemas[schema], "record"), schema))
	}
	spaces := make([]*namespaceSample, 0, len(t.namespaces))
	for _, n := range t.namespaces {
		spaces = append(spaces, n)
	}
	slices.SortFunc(spaces, func(a, b *namespaceSample) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name))
	})
	for _, n := range spaces[:min(len(spaces), sampleNamespaces)] {
		p.ok(check, fmt.Sprintf("namespace %s would get %s, %s", n.name, count(int(n.lines), "line"), count(int(n.bytes), "byte")))
	}
	if more := len(spaces) - sampleNamespaces; more > 0 {
		p.ok(check, fmt.Sprintf("and %s would get less", count(more, "more namespace")))
	}
	rejects := make([]*rejectedSample, 0, len(t.rejected))
	for _, r := range t.rejected {
		rejects = append(rejects, r)
	}
	slices.SortFunc(rejects, func(a, b *rejectedSample) int { return cmp.Compare(a.reason, b.reason) })
	for _, r := range rejects {
		p.report(r.finding(check))
	}
}

func (r *rejectedSample) finding(check string) Finding {
	fate := map[record.Policy]string{record.Hold: "held", record.DeadLetter: "dead-lettered", record.Skip: "left out"}[r.policy]
	f := Finding{Check: check, OK: r.policy != record.Hold,
		Detail: fmt.Sprintf("%s would be %s as %s, for instance %s: %s", count(r.records, "record"), fate, r.reason, r.example, r.detail)}
	if r.policy == record.Hold {
		f.Remedy = fmt.Sprintf("mend the producer or the setting; or set %s to dlq or skip, or name the records in BRIDGE_SKIP_RECORDS", r.setting)
	}
	return f
}
