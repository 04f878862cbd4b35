package e2e

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// load is what to produce: records of about 300 bytes, round robin over the
// partitions, in skewed namespaces.
type load struct {
	records    int
	topic      string // default: the world's
	partitions int    // default: the world's
	namespaces int    // default: 5
	perSecond  int    // default: as fast as possible
	codec      kgo.CompressionCodec
	namespace  func(i int) string // of the i-th record; default: skewed over namespaces
	// edit may change a record, and what must become of it, before it is produced.
	edit func(i int, r *kgo.Record, want *truth.Record)
	// goesOn reports whether more records are wanted after these; nil: none are.
	goesOn func() bool
}

// client makes a Kafka client that ends with the test.
func (w *world) client(opts ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	opts = append([]kgo.Opt{
		kgo.SeedBrokers(strings.Split(w.kafka.Brokers(), ",")...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerBatchMaxBytes(16 << 20),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.UnknownTopicRetries(50),
	}, opts...)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.Close)
	return client
}

// produce produces a load and waits until Kafka has acknowledged it.
func (w *world) produce(l load) []truth.ID {
	w.t.Helper()
	client := w.client(kgo.ProducerBatchCompression(l.codec))
	defer client.Close()
	return w.produceWith(client, l)
}

// produceMeanwhile produces in the background, the load at least and for as long as the
// test has use for it: until it calls wait, which ends with the last acknowledgement.
func (w *world) produceMeanwhile(l load) (wait func()) {
	var waits atomic.Bool
	l.goesOn = func() bool { return !waits.Load() && w.t.Context().Err() == nil }
	done := make(chan struct{})
	client := w.client(kgo.ProducerBatchCompression(l.codec))
	go func() { // ends with the load or the test
		defer close(done)
		w.produceWith(client, l)
	}()
	wait = func() {
		waits.Store(true)
		<-done
	}
	w.t.Cleanup(wait) // of a test that fails before
	return wait
}

func (w *world) produceWith(client *kgo.Client, l load) []truth.ID {
	if l.topic == "" {
		l.topic, l.partitions = w.topic, w.partitions
	}
	l.namespaces = max(l.namespaces, 5)
	zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.3, 1, uint64(l.namespaces-1))
	if l.namespace == nil {
		l.namespace = func(int) string { return fmt.Sprintf("ns-%02d", zipf.Uint64()) }
	}
	var pace <-chan time.Time
	if l.perSecond > 0 {
		ticker := time.NewTicker(time.Second / time.Duration(l.perSecond))
		defer ticker.Stop()
		pace = ticker.C
	}
	var ids []truth.ID
	for i := 0; i < l.records || l.goesOn != nil && l.goesOn(); i++ {
		if pace != nil {
			select {
			case <-pace:
			case <-w.t.Context().Done():
				return ids
			}
		}
		ids = append(ids, w.produceOne(client, l, i, l.namespace(i)))
	}
	if err := client.Flush(w.t.Context()); err != nil {
		w.t.Errorf("produce: %v", err)
	}
	return ids
}

// produceOne announces and sends the i-th record of a load.
func (w *world) produceOne(client *kgo.Client, l load, i int, namespace string) truth.ID {
	w.mu.Lock()
	n := w.next[l.topic]
	w.next[l.topic]++
	w.mu.Unlock()
	r := &kgo.Record{Topic: l.topic, Partition: int32(i % l.partitions), Value: value(l.topic, n, namespace)}
	want := truth.Record{Topic: r.Topic, Partition: r.Partition, Namespaces: []string{namespace}, Line: r.Value}
	if l.edit != nil {
		l.edit(i, r, &want)
	}
	id := w.truth.Produce(want)
	client.Produce(w.t.Context(), r, func(r *kgo.Record, err error) {
		if err != nil {
			w.t.Errorf("produce to %s/%d: %v", r.Topic, r.Partition, err)
			return
		}
		w.truth.Acknowledge(id, r.Offset)
	})
	return id
}

// value is a record's JSON: compact, so that its line is its bytes, with a
// number that a re-encoding would change, and unlike any other.
func value(topic string, n int, namespace string) []byte {
	return fmt.Appendf(nil, `{"id":"%s-%d","namespace":"%s","score":1.50,"big":12345678901234567890,"text":"%s %s"}`,
		topic, n, namespace, secretContent, strings.Repeat("é<lorem>\\u00e9 ", 10+n%7))
}
