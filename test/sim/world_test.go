package sim

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/internal/wire"
)

// world is everything around the processes of one run.
type world struct {
	t        *testing.T
	rnd      *rand.Rand
	network  *sandbox.Network
	kafka    *sandbox.Kafka
	cluster  *kfake.Cluster
	api      *sandbox.API
	handler  http.Handler // of the API
	apiURL   string
	stopAPI  func()
	truth    *truth
	settings *settings
	brokers  int

	producers      map[string]*kgo.Client // by codec
	operatorClient *kgo.Client
	sequence       int

	mu        sync.Mutex
	faults    map[int]sandbox.Fault // active ones, by number
	fault     int
	processes []*process // all that ever ran
	slots     map[int]*process
	ending    bool
	closing   chan struct{}
	swept     chan struct{}        // closed when sweep has returned
	operator  bool                 // the next commit is an operator's
	seen      map[string]time.Time // member id -> when it was first in the group
	members   int                  // processes started so far
	notes     []string             // what happened when
	untold    bool                 // a Retry-After may be noted and not reach who shall keep it

	graceful bool
	// lettersRefused counts the faults because of which no dead letter is taken.
	lettersRefused atomic.Int32
	// commitsRefused counts those that hide what commits really come to.
	commitsRefused atomic.Int32
	parts          map[string]int32 // partitions of the topics that have grown
	changing       sync.Mutex       // one start at a time
	busy           sync.WaitGroup   // what goes on beside the schedule
}

// epoch is when every synctest bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func stamp(at time.Time) string { return fmt.Sprintf("%9.3fs", at.Sub(epoch).Seconds()) }
func sinceStart() string        { return stamp(time.Now()) }

func newWorld(t *testing.T, rnd *rand.Rand, s *settings, brokers int, partitions int32) *world {
	t.Helper()
	w := &world{
		t: t, rnd: rnd, network: &sandbox.Network{}, truth: newTruth(), settings: s, brokers: brokers,
		producers: map[string]*kgo.Client{}, faults: map[int]sandbox.Fault{},
		slots: map[int]*process{}, seen: map[string]time.Time{}, parts: map[string]int32{},
	}
	topics := map[string]int32{dlqTopic: 1}
	for _, topic := range s.topics {
		topics[topic] = partitions
	}
	var err error
	w.kafka, err = sandbox.StartKafka(sandbox.KafkaOptions{Network: w.network, Brokers: brokers, Topics: topics})
	if err != nil {
		t.Fatal(err)
	}
	w.cluster = w.kafka.Cluster()
	for _, topic := range s.topics {
		w.learnID(topic)
	}
	w.cluster.ControlKey(keyOffsetCommit, w.seeCommit)
	w.cluster.ControlKey(int16(kmsg.Produce), w.seeProduce)
	w.api, err = sandbox.New(sandbox.Options{Discard: true, Seed: rnd.Uint64() | 1, OnStored: func(o sandbox.Object) {
		w.truth.store(o.Namespace, o.RequestID, o.Body, s)
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.handler = w.api.Handler()
	w.apiURL, w.stopAPI, err = w.network.Serve("127.0.0.1:80", http.HandlerFunc(w.serveAPI))
	if err != nil {
		t.Fatal(err)
	}
	w.operatorClient, err = kgo.NewClient(kgo.SeedBrokers(strings.Split(w.kafka.Addr(), ",")...), kgo.Dialer(w.network.DialContext))
	if err != nil {
		t.Fatal(err)
	}
	w.closing, w.swept = make(chan struct{}), make(chan struct{})
	go func() { // ended by close
		defer close(w.swept)
		w.sweep()
	}()
	return w
}

// close ends what the world has started; processes must have been stopped.
func (w *world) close() {
	for _, p := range w.processes {
		p.kafka.kill()
		p.http.kill()
		<-p.stopped
	}
	close(w.closing)
	<-w.swept
	for _, c := range w.producers {
		c.Close()
	}
	w.operatorClient.Close()
	w.stopAPI()
	w.kafka.Close()
	time.Sleep(5 * time.Minute) // for what sleeps
}

func (w *world) learnID(topic string) {
	info := w.cluster.TopicInfo(topic)
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	w.truth.ids[base64.RawURLEncoding.EncodeToString(info.TopicID[:])] = w.truth.current[topic]
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes = append(w.notes, sinceStart()+" "+fmt.Sprintf(format, args...))
}

// serveAPI lets the truth know who uploads what.
func (w *world) serveAPI(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		w.handler.ServeHTTP(rw, r)
		return
	}
	id := strings.TrimSuffix(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], ".jsonl")
	w.truth.uploads(id, r.UserAgent())
	seen := &seenStatus{ResponseWriter: rw}
	defer func() { w.truth.uploaded(id, seen.status) }()
	w.handler.ServeHTTP(seen, r)
}

// seenStatus remembers the status that is answered.
type seenStatus struct {
	http.ResponseWriter
	status int
}

func (s *seenStatus) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (s *seenStatus) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// seeCommit checks each commit as it reaches the broker, and what the ones
// before have come to.
func (w *world) seeCommit(req kmsg.Request) (kmsg.Response, error, bool) {
	w.sample()
	r := req.(*kmsg.OffsetCommitRequest)
	if w.operator {
		return nil, nil, false
	}
	who, _, _ := strings.Cut(r.MemberID, "-")
	w.truth.heard(who, r.MemberID, r.Generation, w.commitsRefused.Load() == 0 && w.fenced(r))
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			metadata := ""
			if p.Metadata != nil {
				metadata = *p.Metadata
			}
			w.truth.commit(who, t.Topic, p.Partition, p.Offset, metadata)
		}
	}
	return nil, nil, false
}

// fenced says whether who commits is no member any more, and is told so.
func (w *world) fenced(r *kmsg.OffsetCommitRequest) bool {
	if w.cluster.CurrentNode() != w.cluster.CoordinatorFor(group) {
		return false
	}
	info := w.cluster.GroupInfo(group)
	return info == nil || !slices.ContainsFunc(info.Members, func(m kfake.GroupMember) bool { return m.MemberID == r.MemberID })
}

// sample tells the truth what is committed now.
func (w *world) sample() map[string]map[int32]kfake.GroupCommit {
	info := w.cluster.GroupInfo(group)
	if info == nil {
		return nil
	}
	for topic, parts := range info.Commits {
		for p, c := range parts {
			w.truth.sample(topic, p, c.Offset, c.Metadata)
		}
	}
	return info.Commits
}

// seeProduce notes the dead letters that reach the broker.
func (w *world) seeProduce(req kmsg.Request) (kmsg.Response, error, bool) {
	r := req.(*kmsg.ProduceRequest)
	if w.lettersRefused.Load() > 0 {
		return nil, nil, false
	}
	for _, t := range r.Topics {
		if t.Topic != dlqTopic && (t.Topic != "" || w.cluster.TopicIDInfo(t.TopicID) == nil || w.cluster.TopicIDInfo(t.TopicID).Topic != dlqTopic) {
			continue
		}
		for _, p := range t.Partitions {
			if err := w.seeLetters(p.Records); err != nil {
				w.truth.blame("dead letters cannot be read: %v", err)
			}
		}
	}
	return nil, nil, false
}

func (w *world) seeLetters(data []byte) error {
	var batches wire.Batches
	var batch wire.Batch
	var records wire.Records
	var rec wire.Record
	var inflater wire.Inflater
	batches.Reset(data, 1<<40)
	for batches.Next(&batch) == nil {
		plain, err := inflater.Inflate(nil, &batch, 16<<20)
		if err != nil {
			return err
		}
		for records.Reset(&batch, plain); records.Next(&rec); {
			var topic, namespace string
			var partition, offset int64
			for name, value := range rec.Headers() {
				switch string(name) {
				case "bridge.source.topic":
					topic = string(value)
				case "bridge.source.partition":
					_, err = fmt.Sscan(string(value), &partition)
				case "bridge.source.offset":
					_, err = fmt.Sscan(string(value), &offset)
				case "bridge.namespace":
					namespace = string(value)
				}
				if err != nil {
					return err
				}
			}
			w.truth.letter(topic, int32(partition), offset, namespace)
		}
	}
	return records.Err()
}

// codecs by name, so that a schedule can be printed.
var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func (w *world) producer(codec string) *kgo.Client {
	if c := w.producers[codec]; c != nil {
		return c
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(w.kafka.Addr(), ",")...), kgo.Dialer(w.network.DialContext),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(codecs[codec]),
		kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.MetadataMinAge(50*time.Millisecond))
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
		batch = append(batch, &kgo.Record{Topic: c.topic, Partition: c.partition, Value: value, Key: []byte(r.unique)})
		expected = append(expected, r)
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

func (w *world) draw(c recipe, rnd *rand.Rand) (*produced, []byte) {
	w.sequence++
	unique := fmt.Sprintf("u%d", w.sequence)
	k := valid
	if c.odd > 0 && rnd.IntN(c.odd) == 0 {
		k = pick(rnd, noID, poison, tombstone)
	}
	// Skewed: the first namespaces get most.
	first := rnd.IntN(rnd.IntN(c.namespaces) + 1)
	names := []string{fmt.Sprintf("n%d", first)}
	ns := fmt.Sprintf("%q", names[0])
	if c.fanout && rnd.IntN(5) == 0 {
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
	case valid:
		fmt.Fprintf(&b, `{"id":"i%s",`, unique)
	case noID:
		b.WriteString(`{`)
	}
	fmt.Fprintf(&b, `"u":%q,"ns":%s,"pad":"%s"}`, unique, ns, strings.Repeat("x", rnd.IntN(c.size+1)))
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

// impose makes an API fault active and returns what ends it.
func (w *world) impose(f sandbox.Fault) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault++
	n := w.fault
	w.faults[n] = f
	w.api.Inject(f)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.faults, n)
		w.api.ClearFaults()
		for i := range w.fault + 1 {
			if f, ok := w.faults[i]; ok {
				w.api.Inject(f)
			}
		}
	}
}

// endFaults ends those of the API.
func (w *world) endFaults() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.faults)
	w.api.ClearFaults()
	w.api.SetKeys("")
}
