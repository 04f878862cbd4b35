package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxBatch is the least limit of a producer's batch in bytes: a record of any
// size fits.
const maxBatch = 1 << 20

// fill creates a topic and produces all records of a shape to it. The records
// go to the partitions in runs that fill a batch each, as the keyed traffic of
// many producers would.
func (k *kafka) fill(ctx context.Context, prefix string, s shape, from source) (*topic, error) {
	t, err := k.create(ctx, prefix, s)
	if err != nil {
		return nil, err
	}
	client, err := k.client(s, kgo.ProducerBatchMaxBytes(int32(max(s.batch, 2*s.record+1024))), kgo.MaxBufferedBytes(64<<20))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	p := newProducer(ctx, client, t, from)
	defer p.cancel(nil)
	perRun, began := max(1, s.batch/s.record), time.Now().UnixMicro()
	for n := range s.records() {
		p.send(n, int32(n/perRun%s.partitions), began+int64(n))
	}
	return t, p.flush()
}

// warm reads a topic once, so that the first subject does not pay for what the
// broker does at first: compile how it answers, and write the topic to the disk.
func (k *kafka) warm(ctx context.Context, t *topic, s shape) error {
	client, err := k.client(s, kgo.ConsumeTopics(t.name), kgo.FetchMaxBytes(4<<20))
	if err != nil {
		return err
	}
	defer client.Close()
	for read := int64(0); read < t.expected.total.lines; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read %s: %w", t.name, err)
		}
		read += int64(fetches.NumRecords())
	}
	return nil
}

// producer sends records and counts them.
type producer struct {
	ctx    context.Context // ends with the first record that Kafka does not take
	cancel context.CancelCauseFunc
	client *kgo.Client
	topic  *topic
	from   source
}

func newProducer(ctx context.Context, client *kgo.Client, t *topic, from source) *producer {
	p := &producer{client: client, topic: t, from: from}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	return p
}

// send produces the n-th record and returns its size.
func (p *producer) send(n int, partition int32, at int64) int {
	value, namespace := p.from.next(n, at)
	line := value
	if l, ok := p.from.(liner); ok {
		line = l.line()
	}
	p.topic.expected.addLine(namespace, line)
	record := &kgo.Record{Topic: p.topic.name, Partition: partition, Value: append([]byte(nil), value...)}
	p.client.Produce(p.ctx, record, func(_ *kgo.Record, err error) {
		if err != nil {
			p.cancel(err)
		}
	})
	return len(value)
}

func (p *producer) flush() error {
	if err := p.client.Flush(p.ctx); err != nil {
		return fmt.Errorf("produce to %s: %w", p.topic.name, context.Cause(p.ctx))
	}
	return context.Cause(p.ctx)
}

const (
	pace      = 2 * time.Millisecond // between two bursts of live traffic
	warmUp    = 2 * time.Second      // of live traffic before delays count
	firstRate = 100 << 10            // bytes a second until a line is stored
)

// flow produces at the scenario's rate: until the subject stores something, so
// that it is known to read, then through a warm-up, then for as long as is
// measured.
func (b *bench) flow(ctx context.Context, m *measured, in *scenario, t *topic) error {
	client, err := b.cluster.client(in.shape, kgo.ProducerLinger(pace))
	if err != nil {
		return err
	}
	defer client.Close()
	b.store.takeTimes()
	p := newProducer(ctx, client, t, b.newSource(in.shape))
	defer p.cancel(nil)
	l := &live{producer: p, partitions: in.partitions}
	if err := l.produce(min(in.flow.rate, firstRate), func() bool { return b.store.linesStored() == 0 }); err != nil {
		return err
	}
	counted := time.Now().Add(warmUp)
	b.store.countFrom(counted)
	ends := counted.Add(b.latencyFor)
	if err := l.produce(in.flow.rate, func() bool { return time.Now().Before(ends) }); err != nil {
		return err
	}
	m.sent = float64(l.bytes) / time.Since(l.began).Seconds()
	return p.flush()
}

// live spreads records evenly over time and partitions.
type live struct {
	*producer
	partitions int
	sent       int // records
	began      time.Time
	bytes      int64 // since began
}

// produce sends at a rate in bytes a second for as long as more says so.
func (l *live) produce(rate int64, more func() bool) error {
	l.began, l.bytes = time.Now(), 0
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for more() {
		for end := time.Now().Add(pace); l.behind(rate, time.Now()) > 0 && time.Now().Before(end); {
			l.bytes += int64(l.send(l.sent, int32(l.sent%l.partitions), time.Now().UnixMicro()))
			l.sent++
		}
		select {
		case <-ticker.C:
		case <-l.ctx.Done():
			return context.Cause(l.ctx)
		}
	}
	return nil
}

// behind is how long ago the next record was due; negative before.
func (l *live) behind(rate int64, now time.Time) time.Duration {
	return now.Sub(l.began) - time.Duration(float64(l.bytes)/float64(rate)*float64(time.Second))
}
