package sim

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// codecs by name, so that a schedule can be printed.
var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	largeBatches: kgo.NoCompression(),
}

// largeBatches is the codec of a producer that puts all it is given into one batch.
const largeBatches = "large"

func (w *world) producer(codec string) *kgo.Client {
	if codec == "zstd" && w.settings.Load().reset.Skips() {
		codec = "lz4" // kfake's look-up by time leaves zstd decoders to a finalizer, which may not enter the bubble
	}
	if c := w.producers[codec]; c != nil {
		return c
	}
	batches := []kgo.Opt{kgo.ProducerBatchMaxBytes(90_000)} // any buffer takes that
	if codec == largeBatches {
		batches = []kgo.Opt{kgo.ProducerBatchMaxBytes(16 << 20), kgo.ProducerLinger(100 * time.Millisecond)}
	}
	c, err := kgo.NewClient(append(batches, kgo.SeedBrokers(strings.Split(w.kafka.Addr(), ",")...), kgo.Dialer(w.network.DialContext),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codecs[codec]),
		kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MetadataMinAge(50*time.Millisecond))...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.producers[codec] = c
	return c
}

// recipe is what one step produces.
type recipe struct {
	topic      string
	partition  int32
	count      int
	namespaces int // names are drawn from so many, skewed
	size       int // bytes of padding at most
	odd        int // one in so many is odd, 0: none
	fanout     bool
	codec      string
}

func (c recipe) String() string {
	return fmt.Sprintf("produce %d to %s/%d, %d namespaces, padding to %d, odd 1/%d, fan-out %t, %s", c.count, c.topic, c.partition, c.namespaces, c.size, c.odd, c.fanout, c.codec)
}

// produce appends records to a partition and waits until Kafka has them.
func (w *world) produce(c recipe, rnd *rand.Rand) {
	var batch []*kgo.Record
	var expected []*produced
	for range c.count {
		r, value := w.draw(c, rnd)
		batch = append(batch, &kgo.Record{Topic: c.topic, Partition: c.partition, Value: value, Key: []byte(r.unique), Timestamp: w.oddTime(rnd)})
		expected = append(expected, r)
	}
	if c.codec == largeBatches {
		w.truth.inOneBatch(expected, batch)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for i, res := range w.producer(c.codec).ProduceSync(ctx, batch...) {
		if res.Err != nil {
			w.t.Fatalf("produce to %s/%d: %v", c.topic, c.partition, res.Err)
		}
		if i == 0 && res.Record.Offset != expected[0].offset {
			w.t.Fatalf("produced %v at %d", expected[0], res.Record.Offset)
		}
	}
}

// inOneBatch notes how large the Kafka batch is that holds the records.
func (t *truth) inOneBatch(records []*produced, batch []*kgo.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	bytes := int64(0)
	for _, r := range batch {
		bytes += int64(len(r.Key) + len(r.Value))
	}
	for _, r := range records {
		r.batch = bytes
	}
}

func (w *world) draw(c recipe, rnd *rand.Rand) (*produced, []byte) {
	w.sequence++
	unique := fmt.Sprintf("u%d", w.sequence)
	k := valid
	if c.odd > 0 && rnd.IntN(c.odd) == 0 {
		k = pick(rnd, noID, poison, tombstone, huge)
		if k == huge && c.codec != "none" {
			k = poison // several of them in one batch of snappy, say, inflate to more than a small buffer takes
		}
	}
	// Skewed: the first namespaces get most.
	first := rnd.IntN(rnd.IntN(c.namespaces) + 1)
	names := []string{fmt.Sprintf("n%d", first)}
	ns := fmt.Sprintf("%q", names[0])
	if further := w.further(rnd); further != nil {
		names = further
		ns = fmt.Sprintf(`["%s"]`, strings.Join(names, `","`))
	} else if c.fanout && rnd.IntN(5) == 0 {
		second := fmt.Sprintf("n%d", (first+1)%c.namespaces)
		if second != names[0] {
			names = append(names, second)
			ns = fmt.Sprintf("[%q,%q]", names[0], names[1])
		}
	}
	r := w.truth.produce(c.topic, c.partition, k, unique, names)
	var b bytes.Buffer
	switch k {
	case tombstone:
		return r, nil
	case poison:
		return r, []byte("{not json " + unique)
	case valid, huge:
		fmt.Fprintf(&b, `{"id":"i%s",`, unique)
	case noID:
		b.WriteString(`{`)
	}
	pad := rnd.IntN(c.size + 1)
	if c.codec == largeBatches {
		pad = c.size
	}
	if k == huge {
		pad = int(w.settings.Load().lineBytes())
	}
	fmt.Fprintf(&b, `"u":%q,"ns":%s,"pad":"%s"}`, unique, ns, strings.Repeat("x", pad))
	return r, b.Bytes()
}

// odd appends one record that is not valid as it is.
func (w *world) odd(topic string, partition int32, k kind, name string) *produced {
	w.sequence++
	r := w.truth.produce(topic, partition, k, fmt.Sprintf("u%d", w.sequence), []string{name})
	record := &kgo.Record{Topic: topic, Partition: partition, Value: fmt.Appendf(nil, `{"u":%q,"ns":%q}`, r.unique, name)}
	if err := w.producer("none").ProduceSync(context.Background(), record).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
	return r
}
