package sim

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/consumer"
	shared "kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/kafka"
)

const (
	minBackoff = 200 * time.Millisecond
	maxBackoff = 10 * time.Second
)

// process is one run of the bridge.
type process struct {
	name     string
	slot     int
	world    *world
	settings *settings
	kafka    *link
	http     *link
	consumer *consumer.Consumer
	cancel   context.CancelFunc
	stopped  chan struct{}
	killed   atomic.Bool
	slack    atomic.Int64 // how long it was frozen, nanoseconds
	endedAt  time.Time    // when its member was first seen to outlive it
	log      *journal
	metrics  *prometheus.Registry
	err      error // of Run, once stopped is closed
}

// key is the API key of every process: the sandbox accepts any.
type key string

func (k key) Value() string         { return string(k) }
func (k key) Reload() (bool, error) { return false, nil }

// start runs a bridge until it is stopped or killed.
func (w *world) start(name string, slot int, s *settings) (*process, error) {
	p := &process{
		name: name, slot: slot, world: w, settings: s, stopped: make(chan struct{}), metrics: prometheus.NewRegistry(), log: &journal{name: name, joined: func() { w.truth.joined(name) }},
		kafka: newLink(w.network.DialContext, true), http: newLink(w.network.DialContext, false),
	}
	cfg, err := s.config(slot)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(w.apiURL)
	if err != nil {
		return nil, err
	}
	logger := slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	imports := importer.New(importer.Config{
		Log: logger, BaseURL: base, Key: key("k"), UserAgent: name, Patience: importer.Patience{MinBackoff: minBackoff, MaxBackoff: maxBackoff},
		Network: importer.Network{DialContext: p.http.dial, Proxy: func(*url.URL) (*url.URL, error) { return nil, nil }},
	}, nil)
	client := kafka.Config{Brokers: strings.Split(w.kafka.Addr(), ","), ClientID: name, Dial: p.kafka.dial}
	p.consumer, err = consumer.New(cfg, shared.Dependencies{
		Receipts: s.outbox(), Client: kafka.NewClient(client), NewImport: importing{imports, w.truth}.NewImport, Log: logger,
		Metrics: report.NewMetrics(p.metrics, 200),
	})
	if err != nil {
		return nil, err
	}
	w.truth.use(name, s)
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() { // ended by stop or kill
		p.err = p.consumer.Run(ctx)
		imports.Close()
		p.http.kill()
		p.kafka.kill()
		close(p.stopped)
	}()
	return p, nil
}

// outbox writes receipts to a topic that takes its time and takes all in the end; nil
// if none are wanted.
func (s *settings) outbox() shared.Receipts {
	if !s.receipts {
		return nil
	}
	return &outbox{takes: s.receiptTakes, fails: s.receiptsFail}
}

type outbox struct {
	takes time.Duration
	fails bool // what is not acknowledged counts as failed
	bytes atomic.Int64
}

func (o *outbox) Post(_, value []byte, more int64, acked func()) {
	cost := int64(len(value)) + more
	o.bytes.Add(cost)
	time.AfterFunc(o.takes, func() {
		o.bytes.Add(-cost)
		acked()
	})
}

func (o *outbox) Bytes() int64  { return o.bytes.Load() }
func (o *outbox) Failing() bool { return o.fails && o.Bytes() > 0 }

// stop ends the process as SIGTERM does and waits for it.
func (p *process) stop() error {
	p.cancel()
	<-p.stopped
	return p.err
}

// over says whether Run has returned.
func (p *process) over() bool {
	select {
	case <-p.stopped:
		return true
	default:
		return false
	}
}

// kill models kill -9: nothing of the process reaches anybody any more. Its
// goroutines end in their own time.
func (p *process) kill() {
	p.killed.Store(true)
	p.kafka.kill()
	p.http.kill()
	p.cancel()
}

// journal keeps what a process has logged.
type journal struct {
	name   string
	joined func() // is called when the log says so
	mu     sync.Mutex
	lines  []string
}

const maxJournal = 400

// The lines that are judged, which a journal always keeps.
const (
	refusedLine    = "ledger refused"
	repeatLine     = "a batch may be stored twice"
	unfinishedLine = "not everything could be stored in time"
)

// stampLength is how many characters of a journal's line are its time.
const stampLength = 10

// Write implements io.Writer for slog.
func (j *journal) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`msg="joined the group"`)) {
		j.joined()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, text, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	judged := slices.ContainsFunc([]string{refusedLine, repeatLine, unfinishedLine}, func(s string) bool { return bytes.Contains(line, []byte(s)) })
	if len(j.lines) < maxJournal || judged {
		j.lines = append(j.lines, fmt.Sprintf("%s %s %s", sinceStart(), j.name, text))
	}
	return len(line), nil
}

func (j *journal) holds(text string) (found []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if strings.Contains(l, text) {
			found = append(found, l)
		}
	}
	return found
}

// importing joins the consumer and the importer as cmd/bridge does, and tells
// the truth, if there is one, what the process learns.
type importing struct {
	client *importer.Client
	truth  *truth
}

func (i importing) NewImport(namespace string, body [][]byte, size int64) shared.Import {
	return &attempts{i, i.client.NewImport(namespace, body, size)}
}

type attempts struct {
	importing
	*importer.Import
}

func (a *attempts) Attempt(ctx context.Context, guard func() error) importer.Outcome {
	o := a.Import.Attempt(ctx, guard)
	if o.Class == importer.Stored && a.truth != nil {
		a.truth.told(o.RequestID)
	}
	return o
}

func (a *attempts) Resolve(ctx context.Context, guard func() error) importer.Outcome {
	o := a.Import.Resolve(ctx, guard)
	if o.Class == importer.Stored && a.truth != nil {
		a.truth.told(o.RequestID)
	}
	return o
}
