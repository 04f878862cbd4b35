package verify

import (
	"context"
	"fmt"
	"hash/maphash"
	"strconv"

	"kafka-import-bridge/internal/receipt"
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
	v.report.sum()
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

// collect reads the receipts and dead letters of one pass.
func (v *verifier) collect(ctx context.Context, from at) error {
	v.covers.begin(from)
	v.done = 0
	for i := range v.Receipts {
		if err := v.source.Read(ctx, &v.Receipts[i], v.counted(&v.Receipts[i], 0, v.receipt), v.lost); err != nil {
			return fmt.Errorf("read receipts: %w", err)
		}
	}
	for i := range v.Letters {
		if err := v.source.Read(ctx, &v.Letters[i], v.counted(&v.Letters[i], 0, v.letter), v.lost); err != nil {
			return fmt.Errorf("read dead letters: %w", err)
		}
	}
	v.covers.sort()
	return nil
}

// counted reports progress while each takes records.
func (v *verifier) counted(r *Range, total int64, each func(*wire.Record)) func(*wire.Record) {
	return func(rec *wire.Record) {
		each(rec)
		if v.done++; v.done%progressEvery == 0 {
			v.Progress(Progress{Pass: v.pass, What: r.Topic, Done: v.done, Total: total})
		}
	}
}

// lost counts receipts and dead letters that cannot be read.
func (v *verifier) lost(u Unread) {
	if v.pass == 1 {
		v.report.Receipts.Bad += u.Records
	}
}

// receipt takes one record of the receipts' topic.
func (v *verifier) receipt(rec *wire.Record) {
	if rec.Value == nil {
		return // a receipt that somebody deleted
	}
	r, err := receipt.Decode(rec.Value)
	if v.pass == 1 {
		v.countReceipt(r, err)
	}
	if err != nil {
		return
	}
	id, namespace := maphash.Bytes(v.seed, r.Key()), v.hash(r.Namespace)
	for i := range r.Pieces {
		p := &r.Pieces[i]
		number, ok := v.number(p.Topic, p.Partition, p.First, p.Last)
		if !ok || p.TopicID != "" && v.Records[number].TopicID != "" && p.TopicID != v.Records[number].TopicID {
			continue // of a topic that was deleted and made anew
		}
		v.covers.add(cover{partition: number, first: p.First, last: p.Last, namespace: namespace, id: id, records: uint32(p.Records)})
	}
}

func (v *verifier) countReceipt(r *receipt.Receipt, err error) {
	seen := &v.report.Receipts
	seen.Read++
	if err != nil {
		seen.Bad++
		return
	}
	if r.Settings != "" && r.Settings != v.Settings {
		seen.OtherSettings++
	}
	if seen.Oldest == nil || r.StoredAt.Before(*seen.Oldest) {
		seen.Oldest = &r.StoredAt
	}
}

// number is that of a partition of which records between two offsets are verified.
func (v *verifier) number(topic string, partition int32, first, last int64) (uint32, bool) {
	n, ok := v.numbers[partitionName{topic, partition}]
	return n, ok && last >= v.Records[n].From && first < v.Records[n].To
}

// hash is that of a namespace, never wholeRecord.
func (v *verifier) hash(namespace string) uint64 {
	return max(1, maphash.String(v.seed, namespace))
}

// letter takes one record of the dead-letter topic.
func (v *verifier) letter(rec *wire.Record) {
	if v.pass == 1 {
		v.report.Receipts.Letters++
	}
	l, ok := parseLetter(rec)
	if !ok {
		return
	}
	number, ok := v.number(l.topic, l.partition, l.offset, l.offset)
	if !ok {
		return
	}
	c := cover{partition: number, first: l.offset, last: l.offset}
	if l.namespace != "" {
		c.namespace = v.hash(l.namespace)
	}
	v.covers.add(c)
}

// account reads the records as far as the covers of this pass reach.
func (v *verifier) account(ctx context.Context) error {
	v.done = v.sum()
	for ; v.next < len(v.Records); v.next++ {
		r := v.Records[v.next]
		if v.sweep == nil {
			v.sweep, v.position = newSweep(v.report.Partitions[v.next], r.From, r.To), r.From
		}
		v.sweep.feed(v.covers.of(uint32(v.next)))
		cut := v.covers.cut
		whole := uint32(v.next) < cut.partition
		if r.From = v.position; !whole {
			r.To = min(r.To, cut.offset)
		}
		if r.From < r.To {
			reading, stop := context.WithCancelCause(ctx)
			err := v.source.Read(reading, &r, v.counted(&r, v.total, v.owed(reading, &r, stop)), v.unread(&r))
			if cause := context.Cause(reading); cause != nil {
				err = cause
			}
			if stop(nil); err != nil {
				return fmt.Errorf("read records: %w", err)
			}
			v.position = r.To
		}
		if !whole {
			v.sweep.keep()
			return nil
		}
		v.sweep.finish()
		v.sweep = nil
	}
	return nil
}

// owed counts the records of a range. What they owe may not be found out: that
// stops the reading.
func (v *verifier) owed(ctx context.Context, r *Range, stop func(error)) func(*wire.Record) {
	return func(rec *wire.Record) {
		d := &v.delivery
		var err error
		if d.namespaces, d.reason, d.policy, err = v.router.Route(ctx, r, rec); err != nil {
			stop(err)
			return
		}
		d.hashes = d.hashes[:0]
		for _, namespace := range d.namespaces {
			d.hashes = append(d.hashes, v.hash(namespace))
		}
		v.sweep.record(rec.Offset, d)
	}
}

// sum is how many records were read so far.
func (v *verifier) sum() (records int64) {
	for _, p := range v.report.Partitions {
		records += p.Records
	}
	return records
}

// unread counts records that cannot be read: left out if the settings name them.
func (v *verifier) unread(r *Range) func(Unread) {
	return func(u Unread) {
		p := v.report.Partitions[v.next]
		u.Records = min(u.Records, u.Last-u.First+1)
		p.Records += u.Records
		p.Deliveries += u.Records
		if v.router.Skips(r, u.First, u.Last) {
			p.leftOut("operator", u.Records, false)
			return
		}
		p.Unread += u.Records
		v.report.note("%d records of %s/%d from offset %d to %d cannot be read: %v", u.Records, r.Topic, r.Partition, u.First, u.Last, u.Err)
	}
}

// sourceOf is where a dead letter comes from.
type sourceOf struct {
	topic     string
	partition int32
	offset    int64
	namespace string
}

// parseLetter reads the bridge's headers: the last of each name, as the
// original's come first.
func parseLetter(rec *wire.Record) (l sourceOf, ok bool) {
	text := func(name string) string {
		value, _ := rec.Header("bridge." + name)
		return string(value)
	}
	partition, partitionErr := strconv.ParseInt(text("source.partition"), 10, 32)
	offset, offsetErr := strconv.ParseInt(text("source.offset"), 10, 64)
	if partitionErr != nil || offsetErr != nil {
		return l, false
	}
	return sourceOf{text("source.topic"), int32(partition), offset, text("namespace")}, true
}
