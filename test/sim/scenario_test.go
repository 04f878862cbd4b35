package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/sandbox"
)

// scenario plays a written schedule in a bubble, settles and judges it, and
// wants exactly so many lines to have been stored again; -1 is any number.
func scenario(t *testing.T, s *settings, partitions int32, repeats int, play func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, rand.New(rand.NewPCG(1, 1)), s, 1, partitions)
		play(w)
		w.finish()
		if repeats >= 0 && w.truth.repeats != repeats {
			w.truth.blame("%d lines were stored again, want %d", w.truth.repeats, repeats)
		}
		if len(w.truth.faults) > 0 {
			t.Errorf("broken promises:\n%s\n%s", strings.Join(w.truth.faults, "\n"), w.story())
		}
	})
}

// emit appends a record for each name, in this order.
func (w *world) emit(topic string, partition int32, size int, names ...string) {
	var batch []*kgo.Record
	for _, name := range names {
		w.sequence++
		unique := fmt.Sprintf("u%d", w.sequence)
		w.truth.produce(topic, partition, valid, unique, []string{name})
		batch = append(batch, &kgo.Record{Topic: topic, Partition: partition,
			Value: fmt.Appendf(nil, `{"id":"i%s","u":%q,"ns":%q,"pad":"%s"}`, unique, unique, name, strings.Repeat("x", size))})
	}
	for len(batch) > 0 { // in batches that any buffer can take
		n := min(len(batch), max(1, 32<<10/(size+100)))
		if err := w.producer("none").ProduceSync(context.Background(), batch[:n]...).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
		batch = batch[n:]
	}
}

// named lists n names with a prefix, each of them times times, in turn.
func named(prefix string, n, times int) (names []string) {
	for range times {
		for i := range n {
			names = append(names, fmt.Sprintf("%s%d", prefix, i))
		}
	}
	return names
}

// stored says whether all records for namespaces with a prefix are stored.
func (w *world) stored(prefix string) bool {
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	for _, r := range w.truth.byUnique {
		if strings.HasPrefix(r.names[0], prefix) && !r.removed && !r.lineDone(r.names[0]) {
			return false
		}
	}
	return true
}

// wants fails the run unless something becomes true within a while.
func (w *world) wants(within time.Duration, what string, ok func() bool) {
	for end := time.Now().Add(within); !ok(); time.Sleep(250 * time.Millisecond) {
		if time.Now().After(end) {
			w.truth.blame("not within %s: %s", within, what)
			return
		}
		w.watch()
	}
}

// refuse makes the API answer a status for the namespaces until end is called.
func (w *world) refuse(operation string, status int, namespaces ...string) (end func()) {
	var ends []func()
	for _, n := range namespaces {
		ends = append(ends, w.impose(sandbox.Fault{Operation: operation, Status: status, Namespace: n}))
	}
	return func() {
		for _, e := range ends {
			e()
		}
	}
}

// restart stops the process of slot 0, as SIGTERM does, and starts it again,
// with other settings if they are not nil.
func (w *world) restart(s *settings) {
	w.stopSlot(0)
	if s != nil {
		w.settings.Store(s)
	}
	w.startSlot(0)
}

// commitAs commits an offset as an operator's tool does.
func (w *world) commitAs(topic string, partition int32, offset int64, metadata string) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = topic
	if info := w.cluster.TopicInfo(topic); info != nil {
		t.TopicID = info.TopicID
	}
	p := kmsg.NewOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset, p.Metadata = partition, offset, &metadata
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	w.operator.Store(true)
	defer w.operator.Store(false)
	res, err := w.operatorClient.Request(context.Background(), req)
	if err != nil || res.(*kmsg.OffsetCommitResponse).Topics[0].Partitions[0].ErrorCode != 0 {
		w.t.Fatalf("commit as an operator: %v, %+v", err, res)
	}
	m, _ := ledger.Decode(metadata)
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	w.truth.committed[w.truth.incarnation(topic, partition, m.TopicID)] = offset
}

// again lets what is stored by now be stored once more.
func (w *world) again(why string) {
	w.truth.excuse(excuse{from: epoch, to: time.Now(), why: why})
}
