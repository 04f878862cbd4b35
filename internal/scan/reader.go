package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// A Range is a part of a partition.
type Range struct {
	kafka.TopicPartition
	TopicID string // as Kafka prints it; "" where the brokers have none, or where it does not matter
	From    int64  // included
	To      int64  // not included; ToEnd for all that there is
}

// ToEnd as Range.To stands for the end that the partition has when it is read.
const ToEnd = -1

// Unread is a Kafka batch that cannot be read.
type Unread struct {
	First, Last int64 // offsets
	Records     int64 // how many it says it has, at most those offsets
	Err         error
	Batch       *wire.Batch // its header; valid during the call
}

// Reader reads Kafka outside of any group. It is not safe for concurrent use.
type Reader struct {
	Client *kafka.Client
	// ReadCommitted leaves out the records of aborted transactions.
	ReadCommitted bool
	// InflateLimit is how many bytes a compressed Kafka batch may inflate to; larger
	// ones are unread.
	InflateLimit int64

	leaders  map[kafka.TopicPartition]leader
	body     []byte
	arena    []byte
	batches  wire.Batches
	records  wire.Records
	inflater wire.Inflater
	aborted  wire.AbortedFilter
}

// NewReader returns a reader of the client's cluster that reads what a bridge of this
// configuration would.
func NewReader(client *kafka.Client, cfg *process.Config) *Reader {
	return &Reader{Client: client, ReadCommitted: cfg.ReadCommitted, InflateLimit: fetch.InflateCeiling(cfg.BufferMaxBytes)}
}

// leader is where a partition is read.
type leader struct {
	broker, epoch int32
	topicID       wire.UUID
}

const (
	fetchBytes = 4 << 20
	fetchWait  = 500 * time.Millisecond
	// maxTries is how often in a row a fetch may fail, or bring nothing, before
	// that is the answer.
	maxTries = 10
)

// reading is one Read under way.
type reading struct {
	*Range
	next   int64 // the next offset
	end    int64 // where to stop; ToEnd until the first answer
	each   func(*wire.Record) error
	unread func(Unread) error
	stop   error // what one of them returned

	throttled time.Duration // how long the broker's quota asks to wait before the next fetch
}

// Read calls each for the records of a range in the order of their offsets, and unread
// for batches that cannot be read. A record is valid during the call. An error of
// either ends the reading and is returned as it is. Errors of brokers that may pass are
// tried again for some seconds.
func (c *Reader) Read(ctx context.Context, r *Range, each func(*wire.Record) error, unread func(Unread) error) error {
	in := &reading{Range: r, next: r.From, end: r.To, each: each, unread: unread}
	failures, idle := 0, 0
	for in.end == ToEnd || in.next < in.end {
		if err := sleep.For(ctx, in.throttled); err != nil {
			return err
		}
		before := in.next
		in.throttled = 0
		err := c.fetch(ctx, in)
		switch {
		case in.stop != nil:
			return in.stop
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if failures++; failures >= maxTries || !passing(err) {
				return fmt.Errorf("%s: %w", r.At(in.next), err)
			}
			delete(c.leaders, r.TopicPartition)
		case in.throttled > 0 && in.next == before:
			continue // an answer without records says nothing of the log
		case in.next == before && in.next < in.end:
			if idle++; idle >= maxTries {
				return nil // nothing but holes up to the end
			}
		default:
			failures, idle = 0, 0
			continue
		}
		if err := sleep.For(ctx, fetchWait); err != nil {
			return err
		}
	}
	return nil
}

// passing reports whether a failure may pass by itself.
func passing(err error) bool {
	code, refused := kafka.CodeOf(err)
	return !refused || code.Retriable()
}

// fetch takes one answer.
func (c *Reader) fetch(ctx context.Context, in *reading) error {
	l, err := c.leader(ctx, in.TopicPartition)
	if err != nil {
		return err
	}
	answer, err := c.Client.Fetch(ctx, l.broker, &wire.FetchRequest{
		MaxWait: fetchWait, MaxBytes: fetchBytes, ReadCommitted: c.ReadCommitted,
		Partitions: []wire.FetchPartition{{
			Topic: in.Topic, TopicID: l.topicID, Partition: in.Partition, LeaderEpoch: l.epoch,
			Offset: in.next, LastFetchedEpoch: -1, MaxBytes: fetchBytes,
		}},
	}, c.lend)
	if err != nil {
		return err
	}
	in.throttled = answer.Throttle
	if len(answer.Partitions) == 0 && answer.Throttle > 0 {
		return nil // a quota is used up
	}
	if len(answer.Partitions) != 1 {
		return fmt.Errorf("the broker answered for %d partitions", len(answer.Partitions))
	}
	p := &answer.Partitions[0]
	if code := kafka.Code(p.ErrorCode); code == kafka.CodeOffsetOutOfRange && p.LogStartOffset > in.next {
		in.next = p.LogStartOffset // retention was faster
		return nil
	} else if code != kafka.CodeOK {
		return code
	}
	if in.end == ToEnd {
		if in.end = p.HighWatermark; c.ReadCommitted {
			in.end = p.LastStableOffset
		}
	}
	return c.take(in, p)
}

// lend returns memory for an answer: that of the one before, if it is enough.
func (c *Reader) lend(n int) ([]byte, error) {
	if cap(c.body) < n {
		c.body = make([]byte, n)
	}
	return c.body[:n], nil
}

func (c *Reader) leader(ctx context.Context, tp kafka.TopicPartition) (leader, error) {
	if l, ok := c.leaders[tp]; ok {
		return l, nil
	}
	t, err := c.Client.DescribeTopic(ctx, tp.Topic)
	if err != nil {
		return leader{}, err
	}
	if c.leaders == nil {
		c.leaders = map[kafka.TopicPartition]leader{}
	}
	for _, p := range t.Partitions {
		if p.Leader >= 0 {
			c.leaders[kafka.TopicPartition{Topic: tp.Topic, Partition: p.Partition}] = leader{p.Leader, p.LeaderEpoch, t.ID}
		}
	}
	if l, ok := c.leaders[tp]; ok {
		return l, nil
	}
	return leader{}, kafka.ErrNoLeader
}

// take walks the batches of an answer.
func (c *Reader) take(in *reading, p *wire.FetchedPartition) error {
	c.batches.Reset(p.Records, p.HighWatermark)
	if c.ReadCommitted {
		c.aborted.Reset(p.Aborted)
	}
	var b wire.Batch
	for from := in.next; in.next < in.end; {
		switch err := c.batches.Next(&b); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return in.passOver(p, from, err)
		}
		if !c.aborted.Skip(&b) {
			c.batch(in, &b)
		}
		if in.stop != nil {
			return nil
		}
		in.next = max(in.next, b.NextOffset())
	}
	return nil
}

// batch reads the records of one batch.
func (c *Reader) batch(in *reading, b *wire.Batch) {
	data, err := c.inflate(b)
	var rec wire.Record
	for c.records.Reset(b, data); err == nil && c.records.Next(&rec); {
		if rec.Offset >= in.next && rec.Offset < in.end {
			in.next = rec.Offset + 1
			if in.stop = in.each(&rec); in.stop != nil {
				return
			}
		}
	}
	if err == nil {
		err = c.records.Err()
	}
	if err != nil && in.next <= b.LastOffset {
		in.leaveOut(b, max(in.next, b.BaseOffset), err)
	}
}

// inflate returns the records of a batch, in an arena that is made larger until it has
// room for them.
func (c *Reader) inflate(b *wire.Batch) ([]byte, error) {
	limit := max(int64(b.CompressedLen()), c.InflateLimit)
	for {
		data, err := c.inflater.Inflate(c.arena, b)
		room := int64(cap(c.arena))
		if !errors.Is(err, wire.ErrInflatesTooMuch) || room >= limit {
			return data, err
		}
		c.arena = make([]byte, 0, min(max(b.SizeHint(), 2*room, 64<<10), limit))
	}
}

// passOver leaves out a batch that cannot be trusted, if its header says where it
// ends. One that other batches came before is asked for again, to be the first.
func (in *reading) passOver(p *wire.FetchedPartition, from int64, cause error) error {
	if in.next > from {
		return nil
	}
	b, _, err := wire.ReadHeader(p.Records, p.HighWatermark)
	if err != nil || b.BaseOffset > in.next || b.LastOffset < in.next {
		return cause
	}
	in.leaveOut(&b, in.next, cause)
	in.next = b.NextOffset()
	return nil
}

// leaveOut reports the records of a batch from first on, which cannot be read.
func (in *reading) leaveOut(b *wire.Batch, first int64, cause error) {
	last := min(b.LastOffset, in.end-1)
	in.stop = in.unread(Unread{first, last, min(int64(b.Records), last-first+1), cause, b})
}
