package verify

import (
	"context"
	"hash/maphash"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// A Range is a part of a partition.
type Range struct {
	Topic     string
	TopicID   string // as Kafka prints it; "" where the brokers have none
	Partition int32
	From      int64 // included
	To        int64 // not included; ToEnd for all that there is
}

// ToEnd is the end of a partition when it is read.
const ToEnd = -1

// A Source reads Kafka.
type Source interface {
	// Read calls each for the records of a range in the order of their offsets,
	// aborted ones left out where the settings say so, and unread for what
	// cannot be read. A record is valid during the call.
	Read(ctx context.Context, r *Range, each func(*wire.Record), unread func(Unread)) error
}

// Unread is a Kafka batch that cannot be read.
type Unread struct {
	First, Last int64 // offsets
	Records     int64 // how many it says it has
	Err         error
}

// A Router says what a record owes under the present settings: lines of these
// namespaces, or none for a reason and with a policy.
type Router interface {
	// An error is about the settings or the schema registry, and ends the
	// verification.
	Route(ctx context.Context, r *Range, rec *wire.Record) (namespaces []string, reason string, policy record.Policy, err error)
	// Skips reports whether the settings name all records from one offset to
	// another to be left out.
	Skips(r *Range, first, last int64) bool
}

// Input is what is verified.
type Input struct {
	// Records are the parts of the source partitions below the committed offsets.
	Records []Range
	// Receipts and Letters are the partitions of those topics; To is ToEnd.
	Receipts, Letters []Range
	// Settings is the fingerprint of the present settings, as in receipts.
	Settings string
	// Limit is how many parts of receipts and dead letters are kept at once, of
	// 40 bytes each.
	//
	// Default: a million and a half
	Limit int
	// Progress is called now and then; nil reports nothing.
	Progress func(Progress)
}

// Progress is how far Run is.
type Progress struct {
	Pass  int    // from 1
	What  string // a topic
	Done  int64  // records of its kind that were read in this pass
	Total int64  // records to verify, 0 while others are read
}

// progressEvery is how many records are read between two reports.
const progressEvery = 50_000

// Run accounts for the records. It returns what an unreadable topic or a
// cancelled context leaves undone as an error, with no report.
func Run(ctx context.Context, in Input, source Source, router Router) (*Report, error) {
	if in.Limit <= 0 {
		in.Limit = 1_500_000
	}
	if in.Progress == nil {
		in.Progress = func(Progress) {}
	}
	v := &verifier{Input: in, source: source, router: router, report: &Report{Notes: []string{}}, numbers: map[partitionName]uint32{}, covers: newCovers(in.Limit), seed: maphash.MakeSeed()}
	for i := range in.Records {
		r := &in.Records[i]
		p := &Partition{Topic: r.Topic, Partition: r.Partition, From: r.From, To: r.To}
		v.numbers[partitionName{r.Topic, r.Partition}] = uint32(i)
		v.report.Partitions = append(v.report.Partitions, p)
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
	v.report.Receipts.Passes = v.pass
	for _, p := range v.report.Partitions {
		v.report.Total.add(&p.Counts)
	}
	return v.report, nil
}

type partitionName struct {
	topic     string
	partition int32
}

// verifier is one run.
type verifier struct {
	Input
	source  Source
	router  Router
	report  *Report
	numbers map[partitionName]uint32
	covers  *covers
	seed    maphash.Seed

	pass  int
	done  int64 // records read in this step
	total int64

	next     int // in Records: the first that is not finished
	sweep    *sweep
	position int64 // in Records[next]
	delivery delivery
}
