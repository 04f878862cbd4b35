package verify

import (
	"context"
	"fmt"
	"hash/maphash"
	"strconv"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

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
func (v *verifier) counted(r *scan.Range, total int64, each func(*wire.Record) error) func(*wire.Record) error {
	return func(rec *wire.Record) error {
		err := each(rec)
		if v.done++; v.done%progressEvery == 0 {
			v.Progress(Progress{Pass: v.pass, What: r.Topic, Done: v.done, Total: total})
		}
		return err
	}
}

// lost counts receipts and dead letters that cannot be read.
func (v *verifier) lost(u scan.Unread) error {
	if v.pass == 1 {
		v.report.Receipts.Bad += u.Records
	}
	return nil
}

// receipt takes one record of the receipts' topic.
func (v *verifier) receipt(rec *wire.Record) error {
	if rec.Value == nil {
		return nil // a receipt that somebody deleted
	}
	r, err := receipt.Decode(rec.Value)
	if v.pass == 1 {
		v.countReceipt(r, err)
	}
	if err != nil {
		return nil
	}
	id, namespace := maphash.Bytes(v.seed, r.Key()), v.hash(r.Namespace)
	for i := range r.Pieces {
		p := &r.Pieces[i]
		number, ok := v.number(kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition}, p.First, p.Last)
		if !ok || !p.OfTopic(p.Topic, v.Records[number].TopicID) {
			continue
		}
		v.covers.add(cover{partition: number, first: p.First, last: p.Last, namespace: namespace, id: id, records: uint32(p.Records)})
	}
	return nil
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

// number returns the number of a partition, and reports whether records between two
// offsets of it are verified.
func (v *verifier) number(tp kafka.TopicPartition, first, last int64) (uint32, bool) {
	n, ok := v.numbers[tp]
	return n, ok && last >= v.Records[n].From && first < v.Records[n].To
}

// hash returns the hash of a namespace, never wholeRecord.
func (v *verifier) hash(namespace string) uint64 {
	return max(1, maphash.String(v.seed, namespace))
}

// letter takes one record of the dead-letter topic.
func (v *verifier) letter(rec *wire.Record) error {
	if v.pass == 1 {
		v.report.Receipts.Letters++
	}
	source, namespace, ok := parseLetter(rec)
	if !ok {
		return nil
	}
	number, ok := v.number(source.TopicPartition, source.Offset, source.Offset)
	if !ok {
		return nil
	}
	c := cover{partition: number, first: source.Offset, last: source.Offset}
	if namespace != "" {
		c.namespace = v.hash(namespace)
	}
	v.covers.add(c)
	return nil
}

// parseLetter returns which record a dead letter is of, and of which namespace, "" if
// of all. It reads the bridge's headers: the last of each name, as the original's come
// first.
func parseLetter(rec *wire.Record) (source kafka.Place, namespace string, ok bool) {
	text := func(name string) string {
		value, _ := rec.Header("bridge." + name)
		return string(value)
	}
	partition, partitionErr := strconv.ParseInt(text("source.partition"), 10, 32)
	offset, offsetErr := strconv.ParseInt(text("source.offset"), 10, 64)
	if partitionErr != nil || offsetErr != nil {
		return source, "", false
	}
	source.Topic, source.Partition, source.Offset = text("source.topic"), int32(partition), offset
	return source, text("namespace"), true
}
