package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/test/child"
)

const (
	key     = "sk_sdk"
	summary = "the quota is used up"
	lines   = 600
	limit   = 3 * time.Minute
)

// namespaces of the records in turn; the API fails what it gets for the last one.
var namespaces = []string{"users", "listings", "messages"}

// TestPythonSDK_pollsWhatTheBridgeHasImported: the bridge imports from Kafka, and
// the SDK polls each import by the request id in the bridge's log until it has
// ended. Its results are the records, each once, and what failed has failed for
// both.
func TestPythonSDK_pollsWhatTheBridgeHasImported(t *testing.T) {
	interpreter := python(t)
	var seen atomic.Bool // the SDK has asked what became of an import
	api, err := sandbox.New(sandbox.Options{Key: key, IngestDelay: time.Hour, Now: func() time.Time {
		if seen.Load() {
			return time.Now().Add(time.Hour) // everything that is stored is taken in
		}
		return time.Now()
	}})
	if err != nil {
		t.Fatal(err)
	}
	api.Inject(sandbox.Fault{Operation: sandbox.OperationIngest, Namespace: "messages", Verdict: sandbox.VerdictFailed, Summary: summary})
	handler := api.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r)
		if strings.Contains(r.UserAgent(), "Python") {
			seen.Store(true)
		}
	}))
	store := httptest.NewServer(api.Store())
	defer server.Close()
	defer store.Close()
	api.SetStoreURL(store.URL)
	kafka, err := sandbox.StartKafka(sandbox.KafkaOptions{Topics: map[string]int32{"records": 2}})
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	produce(t, kafka.Addr())

	b := startBridge(t, kafka.Addr(), server.URL)
	imports := b.waitImported(lines)
	polled := poll(t, interpreter, server.URL, imports)
	ids, moved := map[string]int{}, false
	for n, i := range imports {
		got := polled[n]
		moved = moved || slices.Contains(got.Seen, "ingesting")
		if i.Namespace == "messages" {
			if got.end() != "failed" || got.Summary != summary || len(got.IDs) != 0 {
				t.Errorf("%+v: %+v", i, got)
			}
			continue
		}
		if got.end() != "succeeded" || len(got.IDs) != i.Records || got.Summary != "" {
			t.Errorf("%+v: %+v", i, got)
		}
		for _, id := range got.IDs {
			ids[i.Namespace+" "+id]++
		}
	}
	for n := range lines {
		if id := recordKey(n); namespaces[n%3] != "messages" && ids[id] != 1 {
			t.Errorf("%s was imported %d times", id, ids[id])
		}
	}
	if !moved {
		t.Error("no import was seen while the API took it in")
	}
	b.wantVerdicts(imports, polled)
	b.stop()
	if wrong := api.Violations(); len(wrong) > 0 {
		t.Errorf("the API saw what a correct client never does: %q", wrong)
	}
}

func recordKey(n int) string { return fmt.Sprintf("%s r%d", namespaces[n%3], n) }

// produce writes the records.
func produce(t *testing.T, brokers string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for n := range lines {
		namespace, id, _ := strings.Cut(recordKey(n), " ")
		value := fmt.Appendf(nil, `{"id":%q,"to":%q}`, id, namespace)
		client.Produce(t.Context(), &kgo.Record{Topic: "records", Key: []byte(id), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// outcome is what the SDK saw of a request.
type outcome struct {
	Seen    []string // its states, in order
	IDs     []string // of the results
	Summary string
}

func (o outcome) end() string {
	if len(o.Seen) == 0 {
		return ""
	}
	return o.Seen[len(o.Seen)-1]
}

// poll asks the SDK what became of the imports.
func poll(t *testing.T, interpreter, base string, imports []imported) (polled []outcome) {
	t.Helper()
	asked, err := json.Marshal(imports)
	if err != nil {
		t.Fatal(err)
	}
	script := exec.CommandContext(t.Context(), interpreter, filepath.Join("testdata", "poll.py"))
	script.Env = append(os.Environ(), "SAFETYKIT_API_KEY="+key, "SAFETYKIT_BASE_URL="+base)
	script.Stdin = bytes.NewReader(asked)
	var stderr bytes.Buffer
	script.Stderr = &stderr
	out, err := script.Output()
	if err != nil {
		t.Fatalf("poll.py: %v\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(out, &polled); err != nil || len(polled) != len(imports) {
		t.Fatalf("parse %s: %v", out, err)
	}
	return polled
}

// bridge is the program under test.
type bridge struct {
	t       *testing.T
	process *child.Process
	log     string // the file that its log goes to
	url     string // of its status
}

func startBridge(t *testing.T, brokers, base string) *bridge {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "bridge")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "kafka-import-bridge/cmd/bridge").CombinedOutput(); err != nil {
		t.Fatalf("build bridge: %v\n%s", err, out)
	}
	ports, err := child.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	b := &bridge{t: t, log: filepath.Join(dir, "log"), url: fmt.Sprintf("127.0.0.1:%d", ports[0])}
	log, err := os.Create(b.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()           // the child has its own
	cmd := exec.Command(binary) //nolint:noctx // child ends it with the test
	cmd.Env = []string{
		"BRIDGE_KAFKA_BROKERS=" + brokers, "BRIDGE_KAFKA_TOPICS=records", "BRIDGE_KAFKA_GROUP_ID=sdk",
		"BRIDGE_NAMESPACE=field:to", "BRIDGE_BATCH_MAX_AGE=300ms", "BRIDGE_BATCH_MAX_RECORDS=50", "BRIDGE_HTTP_ADDR=" + b.url,
		"SAFETYKIT_API_KEY=" + key, "SAFETYKIT_BASE_URL=" + base,
	}
	cmd.Stderr = log
	if b.process, err = child.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.process.Kill)
	return b
}

// imported is one import as the bridge's log tells of it.
type imported struct {
	Message   string `json:"msg"`
	RequestID string `json:"request_id"`
	Namespace string `json:"namespace"`
	Records   int    `json:"records"`
}

// waitImported waits for imports of so many lines.
func (b *bridge) waitImported(want int) (imports []imported) {
	b.t.Helper()
	b.eventually("everything is imported", func() bool {
		text, err := os.ReadFile(b.log)
		if err != nil {
			b.t.Fatal(err)
		}
		imports = imports[:0]
		got := 0
		for line := range bytes.Lines(text) {
			var i imported
			if json.Unmarshal(line, &i) == nil && i.Message == "imported" {
				imports = append(imports, i)
				got += i.Records
			}
		}
		return got == want
	})
	return imports
}

// wantVerdicts waits until the bridge shows what the SDK has seen.
func (b *bridge) wantVerdicts(imports []imported, polled []outcome) {
	b.t.Helper()
	b.eventually("the bridge shows the same verdicts", func() bool {
		var status struct {
			Imports []struct {
				RequestID string `json:"request_id"`
				Status    string `json:"status"`
			}
		}
		if err := json.Unmarshal(b.get("/status"), &status); err != nil {
			b.t.Fatal(err)
		}
		same := 0
		for n, i := range imports {
			for _, shown := range status.Imports {
				if shown.RequestID == i.RequestID && shown.Status == polled[n].end() {
					same++
					break
				}
			}
		}
		return same == len(imports)
	})
}

func (b *bridge) get(path string) []byte {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, "http://"+b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

func (b *bridge) eventually(what string, done func() bool) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), limit)
	defer cancel()
	for !done() {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			text, _ := os.ReadFile(b.log)
			b.t.Fatalf("this did not come true within %s: %s\n%s", limit, what, text)
		}
	}
}

func (b *bridge) stop() {
	b.t.Helper()
	b.process.Signal(syscall.SIGTERM)
	if code := b.process.ExitCode(); code != 0 {
		b.t.Errorf("the bridge ended with %d", code)
	}
}
