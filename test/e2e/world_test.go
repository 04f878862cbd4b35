package e2e

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/test/kafkatest"
	"kafka-import-bridge/test/truth"
)

// What must never be seen in a log, a metric or a page.
const (
	secretKey      = "sk_test_KEYSECRET"
	secretPassword = "PASSWORDSECRET"
	secretContent  = "CONTENTSECRET" // in every produced record
)

// environment configures a bridge. An empty value leaves a variable out.
type environment map[string]string

func (e environment) with(more ...environment) environment {
	all := maps.Clone(e)
	for _, m := range more {
		maps.Copy(all, m)
	}
	return all
}

// world is what one test plays in: a topic and a group of its own on a broker,
// an import API with its store, the truth, and the bridges.
type world struct {
	t          *testing.T
	kafka      *kafkatest.Cluster
	admin      *kadm.Client
	api        *sandbox.API
	truth      *truth.Truth
	topic      string
	partitions int
	group      string
	logs       string      // folder
	env        environment // of every bridge; change it before start
	hook       atomic.Pointer[hook]
	mayRepeat  bool // neither API nor store tell what was stored: bodies may be taken twice

	mu      sync.Mutex // guards what is below
	bridges []*bridge
	next    map[string]int // records produced, by topic
	judged  bool
	sampled func() // ends the sampling of offsets
}

// The bounds of every world's batches: small, so that there are many objects.
const (
	batchMaxBytes   = 128 << 10
	batchMaxRecords = 2000
)

// newWorld makes a world on the shared broker with a topic of so many partitions.
func newWorld(t *testing.T, partitions int) *world {
	t.Helper()
	return newWorldOn(t, kafkatest.Shared(t), partitions)
}

func newWorldOn(t *testing.T, kafka *kafkatest.Cluster, partitions int) *world {
	t.Helper()
	w := &world{
		t: t, kafka: kafka, admin: kafka.Admin(), partitions: partitions,
		truth: truth.New(truth.Bounds{Bytes: batchMaxBytes, Records: batchMaxRecords}),
		topic: strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) + "-" + rand.Text()[:6],
		logs:  t.ArtifactDir(),
		next:  map[string]int{},
	}
	w.group = "group-" + w.topic
	w.startAPI()
	w.env = environment{
		"BRIDGE_KAFKA_BROKERS":            kafka.Brokers(),
		"BRIDGE_KAFKA_TOPICS":             w.topic,
		"BRIDGE_KAFKA_GROUP_ID":           w.group,
		"BRIDGE_KAFKA_SESSION_TIMEOUT":    "10s",
		"BRIDGE_KAFKA_HEARTBEAT_INTERVAL": "300ms",
		"BRIDGE_KAFKA_REBALANCE_TIMEOUT":  "30s",
		"BRIDGE_KAFKA_FETCH_MAX_WAIT":     "100ms",
		"BRIDGE_KAFKA_METADATA_REFRESH":   "1s",
		"BRIDGE_NAMESPACE":                "field:namespace",
		"BRIDGE_BATCH_MAX_BYTES":          "128KiB",
		"BRIDGE_BATCH_MAX_RECORDS":        "2000",
		"BRIDGE_BATCH_MAX_AGE":            "500ms",
		"BRIDGE_RETRY_MIN_BACKOFF":        "50ms",
		"BRIDGE_RETRY_MAX_BACKOFF":        "500ms",
		"BRIDGE_HOLD_PROBE_INTERVAL":      "1s",
		"BRIDGE_SHUTDOWN_TIMEOUT":         "20s",
		"SAFETYKIT_API_KEY":               secretKey,
		"SAFETYKIT_BASE_URL":              w.env["SAFETYKIT_BASE_URL"],
	}
	w.createTopic(w.topic, partitions, nil)
	w.sampleOffsets()
	t.Cleanup(func() {
		if !w.judged && !t.Failed() && !t.Skipped() {
			t.Error("the test ended without judge")
		}
	})
	return w
}

func (w *world) startAPI() {
	api, err := sandbox.New(sandbox.Options{Key: secretKey, Discard: true, OnStored: func(o sandbox.Object) {
		w.truth.Store(o.Namespace, o.Body, time.Now())
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(w.gate(api.Handler()))
	w.t.Cleanup(server.Close)
	w.api = api
	w.env = environment{"SAFETYKIT_BASE_URL": server.URL}
}

// createTopic makes a topic with settings such as "cleanup.policy".
func (w *world) createTopic(name string, partitions int, settings map[string]string) {
	w.t.Helper()
	configs := map[string]*string{}
	for k, v := range settings {
		configs[k] = &v
	}
	copies := max(1, len(w.kafka.Nodes))
	if _, err := w.admin.CreateTopic(w.context(), int32(partitions), int16(copies), configs, name); err != nil {
		w.t.Fatalf("create topic %s: %v", name, err)
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, _ = w.admin.DeleteTopics(ctx, name) // a broker of the test's own may be gone
	})
}

// context bounds one call of the harness.
func (w *world) context() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

// ends are the end offsets of a topic's partitions, once every leader has told its own.
func (w *world) ends(topic string) (ends map[int32]int64) {
	w.t.Helper()
	w.eventually("the ends of "+topic+" are told", func() bool {
		listed, err := w.admin.ListEndOffsets(w.context(), topic)
		ends = map[int32]int64{}
		listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
		return err == nil && listed.Error() == nil
	})
	return ends
}

// waitStored waits until every record is where it should be.
func (w *world) waitStored() {
	w.t.Helper()
	w.eventually("every record is stored or dead-lettered", func() bool { return w.truth.Missing() == 0 })
}

// waitCommitted waits until the end of every partition of the topics is committed.
func (w *world) waitCommitted(topics ...string) {
	w.t.Helper()
	for _, topic := range topics {
		w.eventually("the end of "+topic+" is committed", func() bool {
			for p, end := range w.ends(topic) { // the marker of a transaction comes after its end is told
				if end > 0 && w.truth.Committed(topic, p) != end {
					return false
				}
			}
			return true
		})
	}
}

// settle waits until everything is stored and committed, and stops the bridges.
func (w *world) settle(bridges ...*bridge) {
	w.t.Helper()
	w.waitStored()
	w.waitCommitted(w.topic)
	for _, b := range bridges {
		b.stop()
	}
}

// patience is for what must come to pass, however slow the machine is: it ends a
// test that hangs. A test that claims a time measures it.
const patience = 5 * time.Minute

// eventually polls until ok holds, and ends the test if it never does or if a
// bridge dies that nobody told to.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		w.requireLiving()
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("not within %s: %s (%d records missing)%s", patience, what, w.truth.Missing(), w.tails())
		}
	}
}

func (w *world) requireLiving() {
	w.t.Helper()
	for _, b := range w.all() {
		if !b.ended.Load() && !b.proc.Alive() {
			w.t.Fatalf("%s ended by itself with code %d: %s", b, b.proc.ExitCode(), b.tail())
		}
	}
}

func (w *world) tails() string {
	var text strings.Builder
	for _, b := range w.all() {
		text.WriteString("\n" + b.String() + ": " + b.tail())
	}
	return text.String()
}

func (w *world) all() []*bridge {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*bridge{}, w.bridges...)
}

// judge compares what happened with the promises. It is the last thing a test
// does; what it tolerates it names.
func (w *world) judge(tolerated ...truth.Kind) {
	w.t.Helper()
	for _, b := range w.all() {
		if b.proc.Alive() {
			b.readPages()
		}
	}
	w.sampled()
	for _, f := range w.truth.Faults(tolerated...) {
		w.t.Error(f)
	}
	for _, v := range w.api.Violations() {
		w.t.Errorf("the import API or its store saw %s", v)
	}
	for _, o := range w.api.Objects() {
		if o.Evaluations() > 1 && !w.mayRepeat {
			w.t.Errorf("the store took the body of %s in %s %d times: its repeat had no condition", o.RequestID, o.Namespace, o.Evaluations())
		}
	}
	for _, b := range w.all() {
		text, err := os.ReadFile(b.log)
		if err != nil {
			w.t.Error(err)
		}
		w.inspect(b.log, string(text))
	}
	w.judged = true
}

// inspect fails the test for what must not be in a log or a page.
func (w *world) inspect(where, text string) {
	for _, found := range scandals(text) {
		w.t.Errorf("%s shows %s", where, found)
	}
}

// scandals lists secrets, record contents and crashes in a text.
func scandals(text string) (found []string) {
	for _, secret := range []string{secretKey, secretPassword, secretContent, "X-Amz-Signature="} {
		if strings.Contains(text, secret) {
			found = append(found, secret)
		}
	}
	for _, crash := range []string{"panic: ", "WARNING: DATA RACE", "fatal error: "} {
		if i := strings.Index(text, crash); i >= 0 {
			found = append(found, text[i:min(len(text), i+1000)])
		}
	}
	return found
}
