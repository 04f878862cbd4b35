package preflight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// sample reads up to n records of each topic, outside of the group, and reports
// what would become of them. It takes the oldest that a bridge has not
// committed, which are the ones it would read next, in equal shares from the
// topic's partitions.
func (p *Preflight) sample(ctx context.Context, n int) {
	s := &sampler{cfg: p.cfg, client: p.client, worker: p.mapper.Worker()}
	if p.cfg.Schemas != nil {
		s.values = p.cfg.Schemas.Decoder()
	}
	for _, t := range p.topics {
		check := "sample " + t.name
		var cursors []*sampleCursor
		var ahead int64
		for _, part := range t.partitions {
			if part.err == nil && p.end(part) > part.start {
				cursors = append(cursors, &sampleCursor{part, t.id, part.start, p.end(part)})
				ahead += p.end(part) - part.start
			}
		}
		if ahead == 0 && slices.ContainsFunc(t.partitions, func(part *inspectedPartition) bool { return part.err != nil }) {
			continue // what is known of it has been told
		}
		seen := newTally()
		err := s.topic(ctx, cursors, n, seen)
		seen.report(p, check, ahead)
		if err != nil {
			p.report(p.failure(check, err))
		}
	}
}

// sampler reads records and maps them. It is not safe for concurrent use.
type sampler struct {
	cfg    *Config
	client *kafka.Client
	worker *record.Worker

	batches  wire.Batches
	inflater wire.Inflater
	records  wire.Records
	aborted  wire.AbortedFilter
	scratch  []byte

	values *decode.Decoder // nil: values are JSON as they come
	json   []byte          // what it made of the last value
}

// sampleCursor is where the sampler is in one partition.
type sampleCursor struct {
	*inspectedPartition
	topicID   wire.UUID
	next, end int64
}

// sampleFetchBytes asks for little: one batch may still be larger.
const sampleFetchBytes = 1 << 20

// topic reads n records in turns, until there are no more. A partition that
// cannot be read is left; the error tells all of them.
func (s *sampler) topic(ctx context.Context, open []*sampleCursor, n int, seen *tally) error {
	var errs []error
	for n > 0 && len(open) > 0 {
		share := (n + len(open) - 1) / len(open)
		open = slices.DeleteFunc(open, func(c *sampleCursor) bool {
			got, err := s.read(ctx, c, min(share, n), seen)
			n -= got
			if err != nil {
				errs = append(errs, fmt.Errorf("%s/%d@%d: %w", c.Topic, c.Partition, c.next, err))
			}
			return err != nil || c.next >= c.end
		})
	}
	return errors.Join(errs...)
}

// read takes up to n records from where the cursor is. Each fetch moves it or
// is the last.
func (s *sampler) read(ctx context.Context, c *sampleCursor, n int, seen *tally) (got int, err error) {
	for got < n && c.next < c.end {
		r := &wire.FetchRequest{
			MinBytes: 1, MaxBytes: sampleFetchBytes, ReadCommitted: s.cfg.ReadCommitted,
			Topics: []wire.FetchTopic{{Name: c.Topic, ID: c.topicID, Partitions: []wire.FetchPartition{c.request(c.next, sampleFetchBytes)}}},
		}
		answer, err := s.client.FetchOnce(ctx, c.leader, r)
		if err == nil && len(answer.Partitions) != 1 {
			err = fmt.Errorf("the broker answered for %d partitions", len(answer.Partitions))
		}
		if err == nil {
			err = kafka.Code(answer.Partitions[0].ErrorCode).Err()
		}
		if err != nil {
			return got, err
		}
		taken, err := s.take(ctx, c, &answer.Partitions[0], n-got, seen)
		got += taken
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// take maps up to n records of an answer.
func (s *sampler) take(ctx context.Context, c *sampleCursor, p *wire.FetchedPartition, n int, seen *tally) (taken int, err error) {
	if len(p.Records) == 0 {
		c.next = c.end // nothing but holes
		return 0, nil
	}
	s.batches.Reset(p.Records, p.HighWatermark)
	s.aborted.Reset(p.Aborted)
	var b wire.Batch
	for taken < n && c.next < c.end {
		err := s.batches.Next(&b)
		if errors.Is(err, io.EOF) {
			return taken, nil
		}
		if err != nil {
			return taken, err
		}
		if skip := s.aborted.Skip(&b); skip && (s.cfg.ReadCommitted || b.Control) {
			c.next = max(c.next, b.NextOffset())
			continue
		}
		got, err := s.takeBatch(ctx, c, &b, n-taken, seen)
		taken += got
		if err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// takeBatch maps up to n records of a batch.
func (s *sampler) takeBatch(ctx context.Context, c *sampleCursor, b *wire.Batch, n int, seen *tally) (taken int, err error) {
	data, err := s.inflater.Inflate(nil, b, max(int64(b.CompressedLen()), fetch.InflateCeiling(s.cfg.BufferMaxBytes)))
	if errors.Is(err, wire.ErrInflatesTooMuch) {
		return s.passOver(c, b, n, seen), nil
	}
	if err != nil {
		return 0, err
	}
	var rec wire.Record
	for s.records.Reset(b, data); s.records.Next(&rec); {
		if rec.Offset < c.next {
			continue
		}
		if taken == n || rec.Offset >= c.end {
			return taken, nil
		}
		if err := s.judge(ctx, c, &rec, seen); err != nil {
			return taken, err
		}
		c.next = rec.Offset + 1
		taken++
	}
	if err := s.records.Err(); err != nil {
		return taken, err
	}
	c.next = max(c.next, b.NextOffset())
	return taken, nil
}

// passOver tallies up to n records of a batch that a bridge would hold.
func (s *sampler) passOver(c *sampleCursor, b *wire.Batch, n int, seen *tally) (taken int) {
	r := rejectedSample{reason: record.TooLarge.String(), policy: record.Hold, setting: "BRIDGE_BUFFER_MAX_BYTES",
		detail: fmt.Sprintf("the Kafka batch up to offset %d %s", b.LastOffset, fetch.InflatedSize(b, s.cfg.BufferMaxBytes))}
	for taken < min(n, b.Records) {
		taken++
		seen.records++
		seen.reject(r, c.TopicPartition, max(c.next, b.BaseOffset))
	}
	c.next = max(c.next, b.NextOffset())
	return taken
}

// judge maps one record as a bridge would.
func (s *sampler) judge(ctx context.Context, c *sampleCursor, rec *wire.Record, seen *tally) error {
	if s.cfg.SkipRecords[c.TopicPartition].Hold(rec.Offset, rec.Offset) {
		seen.reject(rejectedSample{reason: "operator", policy: record.Skip, detail: "named by BRIDGE_SKIP_RECORDS"}, c.TopicPartition, rec.Offset)
		seen.records++
		return nil
	}
	value, rej, err := s.plain(ctx, rec, seen)
	if err != nil {
		return err
	}
	seen.records++
	in := record.Input{Topic: c.Topic, Partition: c.Partition, Offset: rec.Offset, Key: rec.Key, Value: value, Headers: rec}
	if rej == nil {
		var line record.Line
		line, s.scratch, rej = s.worker.Line(s.scratch[:0], &in)
		for _, ns := range line.Namespaces {
			seen.add(ns, int64(len(line.Bytes))+1)
		}
	}
	if rej == nil {
		return nil
	}
	r := rejectedSample{reason: rej.Reason.String(), detail: rej.Detail, policy: s.cfg.OnInvalid, setting: "BRIDGE_ON_INVALID"}
	if rej.Reason == record.Tombstone {
		r.policy, r.setting = s.cfg.OnTombstone, "BRIDGE_ON_TOMBSTONE"
	}
	seen.reject(r, c.TopicPartition, rec.Offset)
	return nil
}
