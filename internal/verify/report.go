package verify

import (
	"fmt"
	"time"

	"kafka-import-bridge/internal/kafka"
)

// Partition counts the records of one partition between two offsets by their fate.
type Partition struct {
	kafka.TopicPartition

	From int64 `json:"from"` // first offset looked at
	To   int64 `json:"to"`   // behind the last one: the committed offset, or the log's end if that lies before

	Counts

	// Examples are the first places where something is missing.
	Examples []Example `json:"examples,omitempty"`
}

// Counts are numbers of records by what became of them. All but Records and Gone count
// deliveries: a record's lines, one for each of its namespaces, or a record that becomes
// no line.
type Counts struct {
	Records    int64 `json:"records"`    // that the source holds
	Deliveries int64 `json:"deliveries"` // that they owe: the sum of the next five

	Covered      int64 `json:"covered"`       // by at least one receipt
	DeadLettered int64 `json:"dead_lettered"` // and not covered
	LeftOut      int64 `json:"left_out"`      // by a policy
	Missing      int64 `json:"missing"`       // with nothing that accounts for them
	Unread       int64 `json:"unread"`        // records of Kafka batches that cannot be read
	CoveredTwice int64 `json:"covered_twice"` // of those covered or dead-lettered: how many times too often

	// LeftOutWhy counts what was left out by reason.
	LeftOutWhy map[string]int64 `json:"left_out_why,omitempty"`
	// Unexplained counts what was left out although the present policy would
	// hold it: the settings were others, or a record was named to be skipped.
	Unexplained int64 `json:"unexplained,omitempty"`
	// Gone counts lines that receipts hold and the source does not any more: it
	// was compacted, or the settings were others.
	Gone int64 `json:"gone,omitempty"`
}

// Example is a place where deliveries are missing.
type Example struct {
	First     int64  `json:"first"`            // offsets of the partition, both included
	Last      int64  `json:"last"`             //
	Namespace string `json:"namespace"`        // "" for a record that becomes no line
	Missing   int64  `json:"missing"`          // of the namespace's lines between the offsets
	Reason    string `json:"reason,omitempty"` // why the record becomes no line, "" for lines
}

// maxExamples bounds the examples of one partition.
const maxExamples = 5

// miss counts missing deliveries. Single ones next to each other become one
// example.
func (p *Partition) miss(first, last, count int64, namespace, reason string) {
	p.Missing += count
	if n := len(p.Examples); n > 0 {
		e := &p.Examples[n-1]
		if first == last && e.Namespace == namespace && e.Reason == reason && e.Missing == e.Last-e.First+1 && first == e.Last+1 {
			e.Last, e.Missing = last, e.Missing+count
			return
		}
	}
	if len(p.Examples) < maxExamples {
		p.Examples = append(p.Examples, Example{first, last, namespace, count, reason})
	}
}

// leftOut counts what a policy left out.
func (c *Counts) leftOut(reason string, count int64, unexplained bool) {
	c.LeftOut += count
	if c.LeftOutWhy == nil {
		c.LeftOutWhy = map[string]int64{}
	}
	c.LeftOutWhy[reason] += count
	if unexplained {
		c.Unexplained += count
	}
}

// add adds the counts of a partition.
func (c *Counts) add(p *Counts) {
	c.Records += p.Records
	c.Deliveries += p.Deliveries
	c.Covered += p.Covered
	c.DeadLettered += p.DeadLettered
	c.Missing += p.Missing
	c.Unread += p.Unread
	c.CoveredTwice += p.CoveredTwice
	c.Unexplained += p.Unexplained
	c.Gone += p.Gone
	for reason, n := range p.LeftOutWhy {
		c.leftOut(reason, n, false) // those unexplained are counted above
	}
}

// Report is the result of a verification.
type Report struct {
	Partitions []*Partition `json:"partitions"`
	Total      Counts       `json:"total"`
	Receipts   Receipts     `json:"receipts"`
	// Notes say what limits the meaning of the counts, a sentence each.
	Notes []string `json:"notes"`
}

// Receipts counts the records of the receipts' and dead-letter topics.
type Receipts struct {
	Read          int64      `json:"read"`           // records of the topic
	Bad           int64      `json:"bad"`            // of them: no receipts, or of an unknown version
	OtherSettings int64      `json:"other_settings"` // of them: written under other settings than the present ones
	Oldest        *time.Time `json:"oldest"`         // when the oldest of them was stored
	Letters       int64      `json:"dead_letters"`   // records of the dead-letter topic
	Passes        int        `json:"passes"`         // how often both were read
}

// OK reports whether every record is accounted for.
func (r *Report) OK() bool { return r.Total.Missing+r.Total.Unread == 0 }

// note adds what the counts cannot say.
func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// limits notes what limits the meaning of the counts.
func (r *Report) limits() {
	rec, t := &r.Receipts, &r.Total
	switch {
	case rec.Read-rec.Bad <= 0:
		r.note("there is no receipt yet: what was imported before BRIDGE_RECEIPTS_TOPIC was set is counted as missing; -since TIME leaves it out")
	case t.Missing > 0 && rec.Oldest != nil:
		r.note("the oldest receipt is of %s: what was imported before receipts were written is counted as missing; -since TIME leaves it out", rec.Oldest.UTC().Format(time.RFC3339))
	}
	if rec.Bad > 0 {
		r.note("%d records of the receipts' and dead-letter topics are none that this version knows; they are left aside", rec.Bad)
	}
	if rec.OtherSettings > 0 {
		r.note("%d of %d receipts were written under other settings of namespaces and ids than the present ones, by which records are routed here: of that time records may be counted as missing or left out that were not", rec.OtherSettings, rec.Read)
	}
	if t.Unexplained > 0 {
		r.note("%d records were left out that the present settings would hold: by a policy of then, or by name", t.Unexplained)
	}
	if t.Gone > 0 {
		r.note("%d imported lines have no record any more: it was compacted away or deleted, or goes to other namespaces by the present settings", t.Gone)
	}
}
