package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/sandbox"
)

// deadLetters reads a dead-letter topic and tells the truth of each arrival.
type deadLetters struct {
	w *world

	mu   sync.Mutex // guards list
	list []*kgo.Record
}

// deadLetterTopic makes the topic, with settings as name and value in turn, names
// it to the bridges and reads it until the test ends. Its records bear the broker's time, so that an arrival can be
// compared with a commit.
func (w *world) deadLetterTopic(settings ...string) *deadLetters {
	w.t.Helper()
	topic := w.topic + "-dlq"
	config := map[string]string{"message.timestamp.type": "LogAppendTime"}
	for i := 0; i < len(settings); i += 2 {
		config[settings[i]] = settings[i+1]
	}
	w.createTopic(topic, 1, config)
	w.env["BRIDGE_DLQ_TOPIC"] = topic
	d := &deadLetters{w: w}
	client := w.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with the test
		defer close(done)
		for ctx.Err() == nil {
			for r := range client.PollFetches(ctx).RecordsAll() {
				d.arrive(r)
			}
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
	return d
}

func (d *deadLetters) arrive(r *kgo.Record) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, r)
	partition, err := strconv.ParseInt(header(r, "bridge.source.partition"), 10, 32)
	if err != nil {
		d.w.t.Errorf("dead letter without its partition: %v", err)
		return
	}
	offset, err := strconv.ParseInt(header(r, "bridge.source.offset"), 10, 64)
	if err != nil {
		d.w.t.Errorf("dead letter without its offset: %v", err)
		return
	}
	d.w.truth.DeadLetter(header(r, "bridge.source.topic"), int32(partition), offset, r.Timestamp)
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// compare requires one dead letter per original, by key, with its bytes, its
// headers first, and what the contract adds.
func (d *deadLetters) compare(originals map[string]*kgo.Record) {
	d.w.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, got := range d.list {
		want := originals[string(got.Key)]
		if want == nil {
			d.w.t.Errorf("dead letter with key %q, which no invalid record had", got.Key)
			continue
		}
		if !bytes.Equal(got.Value, want.Value) || (got.Value == nil) != (want.Value == nil) {
			d.w.t.Errorf("dead letter %q was altered", got.Key)
		}
		if len(got.Headers) < len(want.Headers) || fmt.Sprint(got.Headers[:len(want.Headers)]) != fmt.Sprint(want.Headers) {
			d.w.t.Errorf("dead letter %q lacks its own headers: %v", got.Key, got.Headers)
		}
		if header(got, "bridge.reason") == "" || header(got, "bridge.error") == "" {
			d.w.t.Errorf("dead letter %q does not say why: %v", got.Key, got.Headers)
		}
		at, err := time.Parse(time.RFC3339, header(got, "bridge.source.timestamp"))
		if err != nil || at.UnixMilli() != want.Timestamp.UnixMilli() {
			d.w.t.Errorf("dead letter %q has the source time %q, want %s", got.Key, header(got, "bridge.source.timestamp"), want.Timestamp)
		}
	}
}

// refuse makes the import API refuse a namespace for good.
func refuse(namespace string) sandbox.Fault {
	return sandbox.Fault{Operation: sandbox.OperationCreate, Namespace: namespace, Status: http.StatusUnprocessableEntity}
}
