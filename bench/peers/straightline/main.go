// Command straightline is the least that could do the bridge's work, as a mark to
// measure against: it polls with franz-go, finds each record's namespace by a
// search for the field, appends the record to that namespace's buffer and PUTs a
// buffer that is full. It promises nothing: no check of the records, no retry, no
// commit that waits for the store, no bound on memory.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
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
	var brokers, topic, group, store, field, ca, cert, key string
	var ordered bool
	var age time.Duration
	flag.StringVar(&brokers, "brokers", "", "host:port,…")
	flag.StringVar(&topic, "topic", "", "topic to read")
	flag.StringVar(&group, "group", "", "consumer group")
	flag.StringVar(&store, "store", "", "http://host:port of the store")
	flag.StringVar(&field, "field", "namespace", "name of the field with the namespace; written as \"NAME\":\"…\", without spaces")
	flag.DurationVar(&age, "age", time.Second, "when to PUT what has not filled a batch")
	flag.BoolVar(&ordered, "ordered", false, "keep one PUT per namespace under way, so that its lines stay in order")
	flag.StringVar(&ca, "ca", "", "PEM file with the root of brokers and store; TLS to them then")
	flag.StringVar(&cert, "cert", "", "PEM file with the certificate for the brokers")
	flag.StringVar(&key, "key", "", "PEM file with its key")
	flag.Parse()
	secure, err := encryption(ca, cert, key)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client, err := kgo.NewClient(kgo.DialTLSConfig(secure), kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.ConsumeTopics(topic), kgo.ConsumerGroup(group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(16<<20))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer client.Close()
	l := newLoop(store, field, age, ordered, secure)
	for ctx.Err() == nil {
		l.turn(ctx, client)
	}
}

// encryption is nil without a root: no TLS then.
func encryption(ca, cert, key string) (*tls.Config, error) {
	if ca == "" {
		return nil, nil
	}
	roots := x509.NewCertPool()
	text, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots.AppendCertsFromPEM(text)
	pair, err := tls.LoadX509KeyPair(cert, key)
	return &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, err
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

	ordered bool
	mu      sync.Mutex           // guards queues
	queues  map[string][]*buffer // with ordered, of each namespace with a PUT under way: what waits behind it
}

type buffer struct {
	namespace string
	body      []byte
	opened    time.Time
}

func newLoop(store, field string, age time.Duration, ordered bool, secure *tls.Config) *loop {
	transport := &http.Transport{MaxIdleConnsPerHost: concurrency, WriteBufferSize: 64 << 10, TLSClientConfig: secure}
	return &loop{
		store: store, field: []byte(`"` + field + `":"`), age: age, open: map[string]*buffer{}, slots: make(chan struct{}, concurrency),
		free:   make(chan []byte, 2*concurrency),
		client: http.Client{Transport: transport}, ordered: ordered, queues: map[string][]*buffer{},
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

// put sends a buffer in a goroutine, which ends with the answer, or with that to the
// last one that waits behind it.
func (l *loop) put(b *buffer) {
	delete(l.open, b.namespace)
	if l.ordered && l.waits(b) {
		return
	}
	l.slots <- struct{}{}
	go func() {
		defer func() { <-l.slots }()
		for next := b; next != nil; next = l.behind(next) {
			l.send(next)
		}
	}()
}

// waits puts a buffer behind the one of its namespace that is under way, if there is
// one. What waits has no bound.
func (l *loop) waits(b *buffer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue, busy := l.queues[b.namespace]
	if busy {
		queue = append(queue, b)
	}
	l.queues[b.namespace] = queue
	return busy
}

// behind takes what waits behind a buffer that is stored, nil if nothing does.
func (l *loop) behind(b *buffer) *buffer {
	if !l.ordered {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.queues[b.namespace]
	if len(queue) == 0 {
		delete(l.queues, b.namespace)
		return nil
	}
	l.queues[b.namespace] = queue[1:]
	return queue[0]
}

func (l *loop) send(b *buffer) {
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
}
