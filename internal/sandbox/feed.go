package sandbox

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// feedTick is how often a feed with a rate produces what is due.
const feedTick = 20 * time.Millisecond

// FeedOptions shape a feed.
type FeedOptions struct {
	// Brokers is the bootstrap list, as Kafka.Addr gives it, split.
	Brokers []string
	// Network is where the brokers are, if not on real sockets.
	Network *Network
	// Rate is in records a second. Zero: as fast as Kafka takes them.
	Rate int
	// Duration ends the feed; zero: when Records are produced or Run's context ends.
	Duration time.Duration
	// Records ends the feed after so many; zero: no bound.
	Records int
	// Seed chooses the records.
	Seed uint64
	// OddShare is the share of tombstones, and again of poison records.
	OddShare float64
	// Tally learns of each record that Kafka acknowledged. May be nil.
	Tally *Tally
}

// Feed produces sample records to Kafka. Use NewFeed, then Run once.
type Feed struct {
	opts     FeedOptions
	client   *kgo.Client
	samples  *Samples
	produced atomic.Int64
	empty    atomic.Int64
	failure  atomic.Pointer[error] // the first
}

// NewFeed connects lazily: brokers that are away show in Run.
func NewFeed(opts FeedOptions) (*Feed, error) {
	settings := []kgo.Opt{
		kgo.SeedBrokers(opts.Brokers...),
		kgo.ClientID("sandbox-feed"),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.DisableClientMetrics(),
	}
	if opts.Network != nil {
		settings = append(settings, kgo.Dialer(func(ctx context.Context, network, host string) (net.Conn, error) {
			return opts.Network.DialContext(ctx, network, host)
		}))
	}
	client, err := kgo.NewClient(settings...)
	if err != nil {
		return nil, fmt.Errorf("make producer: %w", err)
	}
	return &Feed{opts: opts, client: client, samples: NewSamples(opts.Seed, opts.OddShare)}, nil
}

// Produced counts the records that Kafka acknowledged.
func (f *Feed) Produced() int { return int(f.produced.Load()) }

// Tombstones counts those of them without a value.
func (f *Feed) Tombstones() int { return int(f.empty.Load()) }

// Run produces until the feed's duration, its number of records or the context
// ends, waits until Kafka acknowledged all of them, and closes the feed. The end
// of the context is no error; a record that Kafka refused is.
func (f *Feed) Run(ctx context.Context) error {
	defer f.client.Close()
	f.produce(ctx)
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := f.client.Flush(flush); err != nil {
		return fmt.Errorf("flush feed: %w", err)
	}
	if failure := f.failure.Load(); failure != nil {
		return *failure
	}
	return nil
}

// produce paces: at each tick it sends what the rate has made due.
func (f *Feed) produce(ctx context.Context) {
	if f.opts.Duration > 0 {
		limited, cancel := context.WithTimeout(ctx, f.opts.Duration)
		defer cancel()
		ctx = limited
	}
	begin := time.Now()
	tick := time.NewTicker(feedTick)
	defer tick.Stop()
	for sent := 0; ctx.Err() == nil && f.failure.Load() == nil; {
		if f.opts.Records > 0 && sent >= f.opts.Records {
			return
		}
		if f.opts.Rate > 0 && sent >= int(float64(f.opts.Rate)*time.Since(begin).Seconds()) {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
			continue
		}
		f.send(f.samples.Next())
		sent++
	}
}

// send hands one record to the producer, which blocks while its buffer is full.
func (f *Feed) send(s Sample) {
	record := &kgo.Record{Topic: s.Topic, Key: s.Key, Value: s.Value}
	f.client.Produce(context.Background(), record, func(r *kgo.Record, err error) {
		if err != nil {
			err = fmt.Errorf("produce to %s: %w", s.Topic, err)
			f.failure.CompareAndSwap(nil, &err)
			return
		}
		if f.opts.Tally != nil {
			f.opts.Tally.Produced(r.Topic, r.Partition, r.Offset, s.ID, s.Namespaces...)
		}
		f.produced.Add(1)
		if s.Tombstone() {
			f.empty.Add(1)
		}
	})
}
