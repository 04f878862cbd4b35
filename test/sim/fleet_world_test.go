package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/consumer"
	shared "kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sandbox"
)

// fleet is many members, their Kafka and API, and what became of each record.
type fleet struct {
	t          *testing.T
	rnd        *rand.Rand
	network    sandbox.Network
	kafka      *sandbox.Kafka
	apiURL     string
	stopAPI    func()
	producer   *kgo.Client
	members    []*fleetMember
	started    int
	partitions int32
	rate       int
	static     bool
	stopping   chan struct{}
	fed        chan struct{} // closed when feed has returned

	end  map[int32]kfake.GroupCommit // what was committed when all had stopped
	high map[int32]int64

	mu       sync.Mutex
	phases   []fleetPhase
	produced []delivery // by number
}

type fleetPhase struct {
	name       string
	at         time.Time
	generation int32
}

// delivery is what became of one record.
type delivery struct {
	at     time.Time
	phase  int
	stores int
	delay  time.Duration // until it was first stored
}

// serve starts Kafka, the API and the producer.
func (f *fleet) serve() {
	var err error
	f.kafka, err = sandbox.StartKafka(sandbox.KafkaOptions{Network: &f.network, Brokers: 3, Topics: map[string]int32{"t0": f.partitions}})
	if err != nil {
		f.t.Fatal(err)
	}
	api, err := sandbox.New(sandbox.Options{Discard: true, SkipLineChecks: true, Seed: 1, OnStored: f.stored})
	if err != nil {
		f.t.Fatal(err)
	}
	api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Delay: 50 * time.Millisecond})
	api.Inject(sandbox.Fault{Operation: sandbox.OperationUpload, Delay: 200 * time.Millisecond})
	f.apiURL, f.stopAPI, err = f.network.Serve("127.0.0.1:80", api.Handler())
	if err != nil {
		f.t.Fatal(err)
	}
	f.producer, err = kgo.NewClient(kgo.SeedBrokers(strings.Split(f.kafka.Addr(), ",")...), kgo.Dialer(f.network.DialContext),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		f.t.Fatal(err)
	}
}

// stored notes each line of an object.
func (f *fleet) stored(o sandbox.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for line := range bytes.Lines(o.Body) {
		var fields struct{ N int }
		if err := json.Unmarshal(line, &fields); err != nil {
			f.t.Errorf("line: %v", err)
			continue
		}
		d := &f.produced[fields.N]
		if d.stores++; d.stores == 1 {
			d.delay = time.Since(d.at)
		}
	}
}

// phase begins: what is produced from now on is counted for it.
func (f *fleet) phase(name string) {
	generation := f.generation()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.phases = append(f.phases, fleetPhase{name, time.Now(), generation})
}

func (f *fleet) generation() int32 {
	if info := f.kafka.Cluster().GroupInfo(group); info != nil {
		return info.Epoch
	}
	return 0
}

func (f *fleet) highWatermarks() {
	f.high = map[int32]int64{}
	for _, p := range f.kafka.Cluster().PartitionInfos("t0") {
		f.high[p.Partition] = p.HighWatermark
	}
}

// judge wants every record stored once and committed, and prints the figures.
func (f *fleet) judge() {
	lost, repeats := 0, 0
	delays := make([][]time.Duration, len(f.phases))
	for _, d := range f.produced {
		if d.stores == 0 {
			lost++
		}
		repeats += max(0, d.stores-1)
		if d.phase >= 0 {
			delays[d.phase] = append(delays[d.phase], d.delay)
		}
	}
	if lost > 0 || repeats > 0 {
		f.t.Errorf("%d of %d records lost, %d repeated", lost, len(f.produced), repeats)
	}
	for p, high := range f.high {
		if committed := f.end[p].Offset; committed != high && high > 0 {
			f.t.Errorf("t0/%d is committed to %d of %d", p, committed, high)
		}
	}
	f.t.Logf("%d members, %d partitions, %d records/s: %d records, %d lost, %d repeated", len(f.members), f.partitions, f.rate, len(f.produced), lost, repeats)
	for i, ph := range f.phases[:len(f.phases)-1] {
		next := f.phases[i+1]
		f.t.Logf("%-7s %8s, %3d rebalances, %s", ph.name, next.at.Sub(ph.at).Round(time.Second), next.generation-ph.generation, quantiles(delays[i]))
	}
}

func quantiles(all []time.Duration) string {
	if len(all) == 0 {
		return "no records"
	}
	slices.Sort(all)
	at := func(q float64) string { return fmt.Sprintf("%.1fs", all[int(q*float64(len(all)-1))].Seconds()) }
	return fmt.Sprintf("%6d records, delay p50 %s p99 %s max %s", len(all), at(0.5), at(0.99), at(1))
}

// fleetMember is one process.
type fleetMember struct {
	consumer *consumer.Consumer
	cancel   context.CancelFunc
	done     chan struct{}
	err      error // of Run, once done is closed
}

// start starts a process in the place of a member.
func (f *fleet) start(place int) *fleetMember {
	f.started++
	name := fmt.Sprintf("p%03d", f.started)
	cfg, err := fleetSettings().config(0)
	if err != nil {
		f.t.Fatal(err)
	}
	cfg.Fetch.MaxWait = 500 * time.Millisecond
	if f.static {
		cfg.InstanceID, cfg.StayOnStop = instanceOf(place), true
	}
	base, err := url.Parse(f.apiURL)
	if err != nil {
		f.t.Fatal(err)
	}
	imports := importer.New(importer.Config{
		BaseURL: base, Key: key("k"), UserAgent: name, Patience: importer.Patience{MinBackoff: minBackoff, MaxBackoff: maxBackoff},
		Network: importer.Network{DialContext: f.network.DialContext, Proxy: func(*url.URL) (*url.URL, error) { return nil, nil }},
	}, nil)
	m := &fleetMember{done: make(chan struct{})}
	m.consumer, err = consumer.New(cfg, shared.Dependencies{
		Client:    kafka.NewClient(kafka.Config{Brokers: strings.Split(f.kafka.Addr(), ","), ClientID: name, Dial: f.network.DialContext}),
		NewImport: importing{client: imports}.NewImport, Log: slog.New(slog.DiscardHandler), Metrics: report.NewMetrics(prometheus.NewRegistry(), 200),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go func() { // ended by stop
		defer close(m.done)
		m.err = m.consumer.Run(ctx)
		imports.Close()
	}()
	return m
}

// stop is a SIGTERM and its end.
func (m *fleetMember) stop(t *testing.T) {
	m.cancel()
	<-m.done
	if m.err != nil {
		t.Errorf("a member stopped with %v", m.err)
	}
}

// awaitReady is the readiness probe.
func (m *fleetMember) awaitReady() {
	for m.consumer.Ready() != nil {
		time.Sleep(time.Second)
	}
}
