package verify

import (
	"cmp"
	"context"
	"hash/maphash"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

// source reads Kafka; it is a [scan.Reader].
type source interface {
	Read(ctx context.Context, r *scan.Range, each func(*wire.Record) error, unread func(scan.Unread) error) error
}

// judge maps a record by the present settings; it is a [scan.Judge].
type judge interface {
	Fate(ctx context.Context, tp kafka.TopicPartition, rec *wire.Record) (scan.Fate, error)
	Skips(tp kafka.TopicPartition, first, last int64) bool
}

// input names the ranges to verify.
type input struct {
	// Records are the parts of the source partitions below the committed offsets.
	Records []scan.Range
	// Receipts and Letters are the partitions of those topics; To is scan.ToEnd.
	Receipts, Letters []scan.Range
	// Settings is the fingerprint of the present settings, as in receipts.
	Settings string
	// Notes say what is not verified, a sentence each; the report repeats them.
	Notes []string
	// Limit is how many parts of receipts and dead letters are kept at once, of
	// 40 bytes each; 0 stands for defaultLimit.
	Limit int
	// Progress is called now and then; nil reports nothing.
	Progress func(Progress)
}

// defaultLimit keeps a verification within some 60 MiB.
const defaultLimit = 1_500_000

// Progress is how far a verification is.
type Progress struct {
	Pass  int    // from 1
	What  string // a topic
	Done  int64  // records of its kind that were read in this pass
	Total int64  // records to verify, 0 while others are read
}

// progressEvery is how many records are read between two reports.
const progressEvery = 50_000

// run accounts for the records. It returns what an unreadable topic or a
// cancelled context leaves undone as an error, with no report.
func run(ctx context.Context, in input, src source, by judge) (*Report, error) {
	in.Limit = cmp.Or(in.Limit, defaultLimit)
	if in.Progress == nil {
		in.Progress = func(Progress) {}
	}
	v := &verifier{
		input: in, source: src, judge: by, report: &Report{Notes: append([]string{}, in.Notes...)},
		numbers: map[kafka.TopicPartition]uint32{}, covers: newCovers(in.Limit), seed: maphash.MakeSeed(),
	}
	for i := range in.Records {
		r := &in.Records[i]
		v.numbers[r.TopicPartition] = uint32(i)
		v.report.Partitions = append(v.report.Partitions, &Partition{TopicPartition: r.TopicPartition, From: r.From, To: r.To})
		v.total += max(0, r.To-r.From)
	}
	for from := (at{}); from.before(end); from = v.covers.cut {
		v.pass++
		if err := v.collect(ctx, from); err != nil {
			return nil, err
		}
		if err := v.account(ctx); err != nil {
			return nil, err
		}
	}
	if more := v.unreadBatches - maxUnreadNotes; more > 0 {
		v.report.note("%d further Kafka batches cannot be read", more)
	}
	v.report.Receipts.Passes = v.pass
	for _, p := range v.report.Partitions {
		v.report.Total.add(&p.Counts)
	}
	v.report.limits()
	return v.report, nil
}

// verifier is one run.
type verifier struct {
	input
	source  source
	judge   judge
	report  *Report
	numbers map[kafka.TopicPartition]uint32 // where each partition is in Records
	covers  *covers
	seed    maphash.Seed

	pass  int
	done  int64 // records read in this step
	total int64

	next     int // in Records: the first that is not finished
	sweep    *sweep
	position int64 // in Records[next]
	delivery delivery

	unreadBatches int
}
