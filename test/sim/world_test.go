package sim

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/sandbox"
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
	settings atomic.Pointer[settings] // of processes that start from now on
	brokers  int

	producers      map[string]*kgo.Client // by codec
	operatorClient *kgo.Client
	sequence       int

	mu        sync.Mutex
	faults    map[int]sandbox.Fault // active ones, by number
	fault     int
	processes []*process // all that ever ran
	slots     map[int]*process
	stopping  map[int]int // slot -> processes that are about to end
	ending    bool
	closing   chan struct{}
	swept     chan struct{}        // closed when sweep has returned
	seen      map[string]time.Time // member id -> when it was first in the group
	members   int                  // processes started so far
	notes     []string             // what happened when
	owners    map[string]string    // member id -> process, see processOf
	twins     []twins              // processes of one name
	reticent  bool                 // store or API may not have said that an upload is there
	oblivious bool                 // the store may not have looked at conditions
	untold    bool                 // a Retry-After may be noted and not reach who shall keep it

	ambushes []ambush // kills that wait for their moment
	open     []*transaction
	// lasting are the namespaces in trouble until everything else is judged, by
	// lastingFaults, keys of faults.
	lasting       []string
	lastingFaults []int
	graceful      bool
	drawn         bool // from a seed
	more
	operator atomic.Bool // the next commit is an operator's
	// lettersRefused counts the faults because of which no dead letter is taken.
	lettersRefused atomic.Int32
	// badLetters counts those because of which it takes some and not others.
	badLetters atomic.Int32
	silent     map[int32]time.Time // until when a broker answers no fetch, by node
	// commitsRefused counts those that hide what commits really come to.
	commitsRefused atomic.Int32
	parts          map[string]int32 // partitions of the topics that have grown
	changing       sync.Mutex       // one start at a time
	sampling       sync.Mutex       // one sample at a time, so that none is older than the one before
	busy           sync.WaitGroup   // what goes on beside the schedule
}

// epoch is when every synctest bubble begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func stamp(at time.Time) string { return fmt.Sprintf("%9.3fs", at.Sub(epoch).Seconds()) }
func sinceStart() string        { return stamp(time.Now()) }

func newWorld(t *testing.T, rnd *rand.Rand, s *settings, brokers int, partitions int32) *world {
	t.Helper()
	w := &world{
		t: t, rnd: rnd, network: &sandbox.Network{}, truth: newTruth(), brokers: brokers,
		producers: map[string]*kgo.Client{}, faults: map[int]sandbox.Fault{},
		slots: map[int]*process{}, stopping: map[int]int{}, owners: map[string]string{}, seen: map[string]time.Time{}, parts: map[string]int32{}, silent: map[int32]time.Time{},
	}
	w.settings.Store(s)
	topics := map[string]int32{dlqTopic: 1}
	for _, topic := range s.topics {
		topics[topic] = partitions
	}
	var err error
	w.kafka, err = sandbox.StartKafka(sandbox.KafkaOptions{Network: w.network, Brokers: brokers, Topics: topics, Versions: s.kafka})
	if err != nil {
		t.Fatal(err)
	}
	w.cluster = w.kafka.Cluster()
	for _, topic := range s.topics {
		w.learnID(topic)
	}
	w.cluster.ControlKey(keyOffsetCommit, w.seeCommit)
	w.cluster.ControlKey(int16(kmsg.Heartbeat), w.seeHeartbeat)
	w.cluster.ControlKey(int16(kmsg.Produce), w.seeProduce)
	w.cluster.ControlKey(int16(kmsg.Fetch), w.seeFetch)
	w.api, err = sandbox.New(sandbox.Options{Discard: true, URLLife: s.urlLife, Seed: rnd.Uint64() | 1, OnStored: func(o sandbox.Object) {
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
	time.Sleep(time.Second) // for those who look at what a commit comes to
	close(w.closing)
	<-w.swept
	for _, c := range w.producers {
		c.Close()
	}
	w.operatorClient.Close()
	w.stopAPI()
	w.kafka.Close()
	time.Sleep(5 * time.Minute) // for what sleeps
	synctest.Wait()             // what it wrote may be read from here on
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
		w.moment(r.UserAgent(), urlAsked)
		w.handler.ServeHTTP(rw, r)
		return
	}
	w.moment(r.UserAgent(), bodyBegins)
	id := strings.TrimSuffix(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:], ".jsonl")
	w.truth.uploads(id, r.UserAgent())
	seen := &seenStatus{ResponseWriter: rw, stored: func() { w.moment(r.UserAgent(), bodyStored) }}
	defer func() { w.truth.uploaded(id, seen.status) }()
	w.handler.ServeHTTP(seen, r)
}

// seenStatus remembers the status that is answered.
type seenStatus struct {
	http.ResponseWriter
	status int
	stored func() // is called before a 2xx goes out
}

func (s *seenStatus) WriteHeader(status int) {
	if s.status = status; status >= 200 && status <= 299 {
		s.stored()
	}
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (s *seenStatus) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// impose makes an API fault active and returns what ends it.
func (w *world) impose(f sandbox.Fault) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault++
	n := w.fault
	w.faults[n] = f
	w.api.Inject(f)
	if refuses(f) {
		w.truth.mark(func() { w.truth.refusals[f.Namespace] = true })
	}
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
	w.ambushes = nil
	w.api.ClearFaults()
	w.api.SetKeys("")
}
