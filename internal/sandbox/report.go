package sandbox

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxExamples bounds each list of a report.
const maxExamples = 20

// Report is the outcome of a reconciliation. Deliveries are as Tally counts
// them; the lists hold the first examples, the counts all.
type Report struct {
	Records      int // produced
	Deliveries   int // owed: Stored + DeadLettered + Skipped, when nothing is lost
	Stored       int
	DeadLettered int
	Skipped      int

	Lost       Findings // neither stored nor dead-lettered, and not skipped
	Twice      Findings // stored or dead-lettered more than once, or both
	Unexpected Findings // stored or dead-lettered, but never produced
	Disordered Findings // stored before an older line of the same namespace and partition
}

// Findings are deliveries that went wrong in one way.
type Findings struct {
	Count    int
	Examples []string // topic/partition@offset, and the namespace
}

// OK reports whether every delivery ended exactly once and in order.
func (r Report) OK() bool {
	return r.Lost.Count+r.Twice.Count+r.Unexpected.Count+r.Disordered.Count == 0 &&
		r.Stored+r.DeadLettered+r.Skipped == r.Deliveries
}

// String is one line of counts, and one for each example.
func (r Report) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d records, %d deliveries = %d stored + %d dead-lettered + %d skipped; %d lost, %d twice, %d unexpected, %d out of order",
		r.Records, r.Deliveries, r.Stored, r.DeadLettered, r.Skipped, r.Lost.Count, r.Twice.Count, r.Unexpected.Count, r.Disordered.Count)
	for _, list := range []struct {
		name string
		Findings
	}{{"lost", r.Lost}, {"twice", r.Twice}, {"unexpected", r.Unexpected}, {"out of order", r.Disordered}} {
		for _, example := range list.Examples {
			fmt.Fprintf(&text, "\n  %s: %s", list.name, example)
		}
	}
	return text.String()
}

func (f *Findings) add(example string) {
	if f.Count++; len(f.Examples) < maxExamples {
		f.Examples = append(f.Examples, example)
	}
}

// Report reconciles what is known so far.
func (t *Tally) Report() Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	report := Report{Records: t.records}
	t.applyLetters(&report)
	var idle []uint32 // records without lines that were not dead-lettered
	for i := range t.lines {
		line := &t.lines[i]
		ended := int(line.stored) + int(line.dead)
		switch {
		case !line.produced:
			report.Unexpected.add("a line of " + t.namespaces.list[line.namespace])
			continue
		case ended > 1:
			report.Twice.add(fmt.Sprintf("%s (stored %d, dead-lettered %d)", t.describe(line), line.stored, line.dead))
		case ended == 0 && line.namespace == noNamespace:
			idle = append(idle, uint32(i))
		case ended == 0:
			report.Lost.add(t.describe(line))
		}
		report.Deliveries++
		if line.stored > 0 {
			report.Stored++
		} else if line.dead > 0 {
			report.DeadLettered++
		}
	}
	t.settleSkipped(&report, idle)
	for _, line := range t.reused {
		report.Unexpected.add("an id that another record has too: " + line)
	}
	t.checkOrder(&report)
	return report
}

// applyLetters counts the dead letters of each delivery anew.
func (t *Tally) applyLetters(report *Report) {
	for i := range t.lines {
		t.lines[i].dead = 0
	}
	for _, l := range t.letters {
		known := false
		index, ok := t.byRecord[l.position]
		for next := index + 1; ok && next != 0; next = t.lines[next-1].next {
			line := &t.lines[next-1]
			if l.namespace == "" || line.namespace == noNamespace || t.namespaces.list[line.namespace] == l.namespace {
				increment(&line.dead)
				known = true
			}
		}
		if !known {
			report.Unexpected.add("a dead letter of " + t.streams.list[l.stream].at(l.offset))
		}
	}
}

// settleSkipped sets the records that ended nowhere against the number that
// was skipped: one by one they are not known.
func (t *Tally) settleSkipped(report *Report, idle []uint32) {
	report.Skipped = min(t.skipped, len(idle))
	for _, i := range idle[report.Skipped:] {
		report.Lost.add(t.describe(&t.lines[i]))
	}
	for range t.skipped - report.Skipped {
		report.Unexpected.add("a skipped record")
	}
}

// checkOrder compares, per namespace and partition, the order of offsets with
// the order of first arrival.
func (t *Tally) checkOrder(report *Report) {
	arrived := make([]uint32, 0, len(t.lines))
	for i := range t.lines {
		if t.lines[i].produced && t.lines[i].arrived > 0 {
			arrived = append(arrived, uint32(i))
		}
	}
	slices.SortFunc(arrived, func(i, j uint32) int {
		a, b := &t.lines[i], &t.lines[j]
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.stream, b.stream), cmp.Compare(a.offset, b.offset))
	})
	for n := 1; n < len(arrived); n++ {
		older, line := &t.lines[arrived[n-1]], &t.lines[arrived[n]]
		if older.namespace == line.namespace && older.stream == line.stream && older.arrived > line.arrived {
			report.Disordered.add(t.describe(line))
		}
	}
}

func (t *Tally) describe(line *delivery) string {
	text := t.streams.list[line.stream].at(line.offset)
	if line.namespace != noNamespace {
		text += " " + t.namespaces.list[line.namespace]
	}
	return text
}

func (s stream) at(offset int64) string { return fmt.Sprintf("%s/%d@%d", s.topic, s.partition, offset) }

// NamespaceCount is how far one namespace is.
type NamespaceCount struct {
	Namespace string
	Produced  int // lines owed
	Stored    int // of them
}

// Namespaces tells how far each namespace is, the largest first.
func (t *Tally) Namespaces() []NamespaceCount {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := make([]NamespaceCount, len(t.namespaces.list))
	for i, name := range t.namespaces.list {
		counts[i].Namespace = name
	}
	for i := range t.lines {
		line := &t.lines[i]
		if line.namespace == noNamespace || !line.produced {
			continue
		}
		counts[line.namespace].Produced++
		if line.arrived > 0 {
			counts[line.namespace].Stored++
		}
	}
	slices.SortFunc(counts, func(a, b NamespaceCount) int {
		return cmp.Or(cmp.Compare(b.Produced, a.Produced), cmp.Compare(a.Namespace, b.Namespace))
	})
	return counts
}
