// Command straightline is the least that could do the bridge's work, as a mark to
// measure against: it polls with franz-go, finds each record's namespace by a
// search for the field, appends the record to that namespace's buffer and PUTs a
// buffer that is full. It promises nothing: no check of the records, no retry, no
// commit that waits for the store, no bound on memory.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	batchBytes  = 8 << 20
	firstBytes  = 64 << 10 // of a new body, which grows
	concurrency = 16
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var brokers, topic, group, store, field string
	var age time.Duration
	flag.StringVar(&brokers, "brokers", "", "host:port,…")
	flag.StringVar(&topic, "topic", "", "topic to read")
	flag.StringVar(&group, "group", "", "consumer group")
	flag.StringVar(&store, "store", "", "http://host:port of the store")
	flag.StringVar(&field, "field", "namespace", "name of the field with the namespace; written as \"NAME\":\"…\", without spaces")
	flag.DurationVar(&age, "age", time.Second, "when to PUT what has not filled a batch")
	flag.Parse()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(16<<20))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer client.Close()
	l := newLoop(store, field, age)
	for ctx.Err() == nil {
		l.turn(ctx, client)
	}
}

// loop is the one goroutine that owns the buffers.
type loop struct {
	store   string
	field   []byte
	age     time.Duration
	open    map[string]*buffer
	slots   chan struct{}
	free    chan []byte // bodies to use again
	client  http.Client
	checked time.Time
}

type buffer struct {
	namespace string
	body      []byte
	opened    time.Time
}

func newLoop(store, field string, age time.Duration) *loop {
	transport := &http.Transport{MaxIdleConnsPerHost: concurrency, WriteBufferSize: 64 << 10}
	return &loop{
		store: store, field: []byte(`"` + field + `":"`), age: age, open: map[string]*buffer{}, slots: make(chan struct{}, concurrency),
		free:   make(chan []byte, 2*concurrency),
		client: http.Client{Transport: transport},
	}
}

func (l *loop) turn(ctx context.Context, client *kgo.Client) {
	wait, cancel := context.WithTimeout(ctx, l.age/4)
	fetches := client.PollFetches(wait)
	cancel()
	now := time.Now()
	fetches.EachRecord(func(r *kgo.Record) { l.add(r.Value, now) })
	if now.Sub(l.checked) > l.age/8 {
		l.checked = now
		for _, b := range l.open {
			if now.Sub(b.opened) > l.age {
				l.put(b)
			}
		}
	}
}

func (l *loop) add(value []byte, now time.Time) {
	at := bytes.Index(value, l.field)
	if at < 0 {
		fmt.Fprintf(os.Stderr, "a record has no %s\n", l.field)
		os.Exit(1)
	}
	at += len(l.field)
	name := value[at : at+bytes.IndexByte(value[at:], '"')]
	b := l.open[string(name)]
	if b != nil && len(b.body)+len(value)+1 > batchBytes {
		l.put(b)
		b = nil
	}
	if b == nil {
		b = &buffer{namespace: string(name), body: l.body(), opened: now}
		l.open[b.namespace] = b
	}
	b.body = append(append(b.body, value...), '\n')
}

func (l *loop) body() []byte {
	select {
	case body := <-l.free:
		return body[:0]
	default:
		return make([]byte, 0, firstBytes)
	}
}

// put sends a buffer in a goroutine, which ends with the answer.
func (l *loop) put(b *buffer) {
	delete(l.open, b.namespace)
	l.slots <- struct{}{}
	go func() {
		defer func() { <-l.slots }()
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPut, l.store+"/store/"+b.namespace+"/direct", bytes.NewReader(b.body))
		if err == nil {
			var resp *http.Response
			if resp, err = l.client.Do(req); err == nil {
				resp.Body.Close()
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {
		case l.free <- b.body:
		default:
		}
	}()
}
