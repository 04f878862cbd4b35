package preflight

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/scan"
)

// tally counts the sampled records of one topic by their fate.
type tally struct {
	records    int
	namespaces map[string]*namespaceSample
	rejected   map[rejectedKey]*rejectedSample
	schemas    map[string]int // records, by the schema that they name
	letters    int            // records that are dead letters of a bridge
}

type namespaceSample struct {
	name         string
	lines, bytes int64
}

// rejectedKey is what rejected records are counted by: those of one reason may differ in
// what becomes of them.
type rejectedKey struct {
	reason string
	policy record.Policy
}

// rejectedSample is the records of one key, and the first of them.
type rejectedSample struct {
	scan.Fate
	records int
	example kafka.Place
}

func newTally() *tally {
	return &tally{namespaces: map[string]*namespaceSample{}, rejected: map[rejectedKey]*rejectedSample{}, schemas: map[string]int{}}
}

// take counts a record by its fate.
func (t *tally) take(f *scan.Fate, at kafka.Place) {
	t.records++
	if f.Letter {
		t.letters++
	}
	if f.Schema != "" {
		t.schemas[f.Schema]++
	}
	for _, name := range f.Namespaces {
		if t.namespaces[name] == nil {
			t.namespaces[name] = &namespaceSample{name: name}
		}
		t.namespaces[name].lines++
		t.namespaces[name].bytes += f.Bytes
	}
	if f.Reason == "" {
		return
	}
	key := rejectedKey{f.Reason, f.Policy}
	if t.rejected[key] == nil {
		t.rejected[key] = &rejectedSample{Fate: *f, example: at}
	}
	t.rejected[key].records++
}

// sampleNamespaces is how many namespaces have a line of their own.
const sampleNamespaces = 50

// report reports the tally: first how much was read, then the largest namespaces,
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
	if t.letters > 0 {
		p.ok(check, fmt.Sprintf("%s written by a bridge as dead letters: they are read as any other, and held where they are invalid, never dead-lettered again; leave the topic out of the selection if that is not meant", were(t.letters)))
	}
	spaces := slices.SortedFunc(maps.Values(t.namespaces), func(a, b *namespaceSample) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.name, b.name))
	})
	for _, n := range spaces[:min(len(spaces), sampleNamespaces)] {
		p.ok(check, fmt.Sprintf("namespace %s would get %s, %s", n.name, count(int(n.lines), "line"), count(int(n.bytes), "byte")))
	}
	if more := len(spaces) - sampleNamespaces; more > 0 {
		p.ok(check, fmt.Sprintf("and %s would get less", count(more, "more namespace")))
	}
	for _, r := range slices.SortedFunc(maps.Values(t.rejected), func(a, b *rejectedSample) int {
		return cmp.Or(cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Policy, b.Policy))
	}) {
		p.report(r.finding(check))
	}
}

func (r *rejectedSample) finding(check string) Finding {
	fate := map[record.Policy]string{record.Hold: "held", record.DeadLetter: "dead-lettered", record.Skip: "left out"}[r.Policy]
	f := Finding{Check: check, OK: r.Policy != record.Hold,
		Detail: fmt.Sprintf("%s would be %s as %s, for instance %s: %s", count(r.records, "record"), fate, r.Reason, r.example, r.Detail)}
	if f.OK {
		return f
	}
	setting := "BRIDGE_ON_INVALID"
	if r.Reason == record.Tombstone.String() {
		setting = "BRIDGE_ON_TOMBSTONE"
	}
	f.Remedy = fmt.Sprintf("mend the producer or the setting; or set %s to dlq or skip, or name the records in BRIDGE_SKIP_RECORDS", setting)
	return f
}

func were(n int) string {
	if n == 1 {
		return "1 record was"
	}
	return count(n, "record") + " were"
}
