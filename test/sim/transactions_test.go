package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// transaction is one that has begun.
type transaction struct {
	number  int // of its step
	client  *kgo.Client
	places  []place
	records []*produced
}

// transact draws a transaction of one or two partitions that is committed or
// aborted, perhaps after others have written behind its records. An answer of
// kfake that is cut off at its largest size names no aborted transactions
// (Kafka's does), so such a run has a buffer that takes everything at once.
func (s *schedule) transact(rnd *rand.Rand, at time.Duration) {
	s.settings.buffer = 32 << 20
	c := recipe{topic: pick(rnd, s.settings.topics...), namespaces: 3, size: 100, odd: pick(rnd, 0, 10), codec: "none"}
	partitions := []int32{rnd.Int32N(s.partitions)}
	if other := rnd.Int32N(s.partitions); other != partitions[0] {
		partitions = append(partitions, other)
	}
	c.count = 1 + rnd.IntN(20)
	commit, span, seed, number := rnd.IntN(2) == 0, pick(rnd, 0, 500*time.Millisecond, 20*time.Second, time.Minute), rnd.Uint64(), len(s.steps)
	s.touching(at, span, partitionRest, ofTopic(c.topic), fmt.Sprintf("transaction %d begins: %d records to each of %s/%v", number, c.count, c.topic, partitions), func(w *world) {
		w.beginTransaction(number, c, partitions, rand.New(rand.NewPCG(seed, 2)))
	})
	s.add(at+span, fmt.Sprintf("transaction %d ends, committed %t", number, commit), func(w *world) {
		w.endTransaction(number, commit)
	})
}

func (w *world) beginTransaction(number int, c recipe, partitions []int32, rnd *rand.Rand) {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(w.kafka.Addr(), ",")...), kgo.Dialer(w.network.DialContext),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codecs[c.codec]),
		kgo.TransactionalID(fmt.Sprintf("transaction-%d", number)), kgo.TransactionTimeout(10*time.Minute))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := client.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	t := &transaction{number: number, client: client}
	var batch []*kgo.Record
	for _, p := range partitions {
		t.places = append(t.places, w.truth.place(c.topic, p))
		for range c.count {
			c.partition = p
			r, value := w.draw(c, rnd)
			w.truth.mark(func() { r.open = true }) // nothing of it has been written yet
			t.records = append(t.records, r)
			batch = append(batch, &kgo.Record{Topic: c.topic, Partition: p, Value: value, Key: []byte(r.unique)})
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		w.t.Fatalf("produce in a transaction: %v", err)
	}
	w.open = append(w.open, t)
}

// endTransaction ends one, unless it has been ended before its time.
func (w *world) endTransaction(number int, commit bool) {
	i := slices.IndexFunc(w.open, func(t *transaction) bool { return t.number == number })
	if i < 0 {
		return
	}
	t := w.open[i]
	w.open = slices.Delete(w.open, i, i+1)
	defer t.client.Close()
	w.truth.mark(func() {
		for _, r := range t.records {
			r.open, r.aborted = false, !commit
		}
	})
	for _, at := range t.places {
		w.truth.produce(at.topic, at.partition, marker, "", nil)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := t.client.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		w.t.Fatalf("end transaction: %v", err)
	}
}

// endTransactions aborts those of a topic that is about to be deleted.
func (w *world) endTransactions(topic string) {
	for _, t := range slices.Clone(w.open) {
		if t.places[0].topic == topic {
			w.endTransaction(t.number, false)
		}
	}
}

// mark changes what is known of records.
func (t *truth) mark(change func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
}
