package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// golden compares what was printed, with addresses and ids replaced, to a file.
func golden(t *testing.T, w *checkWorld, name, out string) {
	t.Helper()
	out = strings.ReplaceAll(out, w.broker, "BROKER")
	out = strings.ReplaceAll(out, w.env["SAFETYKIT_BASE_URL"], "API")
	out = regexp.MustCompile(`req_[0-9a-f]+`).ReplaceAllString(out, "REQUEST")
	file := filepath.Join("testdata", "check", name)
	if *update {
		if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if out != string(want) {
		t.Errorf("%s differs; look at the difference and run go test ./cmd/bridge -update. Printed:\n%s", file, out)
	}
}

func TestCheck_allWell(t *testing.T) {
	w := newCheckWorld(t)
	w.produce("users", 1, `{"id":"SECRET-1"}`, `{"id":"SECRET-2"}`)
	code, out := w.check(map[string]string{"BRIDGE_DLQ_TOPIC": "dead", "BRIDGE_ON_INVALID": "dlq"}, "-namespace", "users")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	golden(t, w, "well.golden", out)
	w.untouched()
}

func TestCheck_withoutNamespace(t *testing.T) {
	w := newCheckWorld(t)
	code, out := w.check(nil)
	if code != 0 || !strings.Contains(out, "not asked") || len(w.api.Requests()) > 0 {
		t.Errorf("exit code %d, %d requests: %s", code, len(w.api.Requests()), out)
	}
}

func TestCheck_sample(t *testing.T) {
	w := newCheckWorld(t)
	w.produce("users", 0, `{"id":"SECRET-1","kind":"users"}`, `{"id":"SECRET-2","kind":"users"}`, `[SECRET]`)
	w.produce("users", 1, `{"id":"SECRET-3","kind":["users","SECRET not allowed"]}`, `{"id":"SECRET-4","kind":["users","audit"]}`, ``)
	w.produce("users", 2, `{"id":7,"kind":"users"}`, `{"id":"SECRET-5"}`, `{"id":"SECRET-6","kind":"users"}`, `{"id":"SECRET-7","kind":"late"}`)
	code, out := w.check(map[string]string{"BRIDGE_NAMESPACE": "field:kind", "BRIDGE_SKIP_RECORDS": "users/0@1"}, "-sample", "9")
	if code != 1 {
		t.Errorf("exit code %d although records would be held", code)
	}
	golden(t, w, "sample.golden", out)
	w.untouched()

	code, out = w.check(map[string]string{"BRIDGE_NAMESPACE": "field:kind", "BRIDGE_ON_INVALID": "skip"}, "-sample", "9")
	if code != 0 || !strings.Contains(out, "ok sample users: 1 record would be left out as not_json, for instance users/0@2: ") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestCheck_json(t *testing.T) {
	w := newCheckWorld(t)
	code, out := w.check(map[string]string{"BRIDGE_KAFKA_TOPICS": "users,missing"}, "-json", "-namespace", "users")
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	found := map[string]bool{}
	for line := range strings.Lines(out) {
		var f struct {
			Check, Detail, Remedy *string
			OK                    *bool
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.Check == nil || f.OK == nil || f.Detail == nil || f.Remedy == nil {
			t.Fatalf("%v in %q", err, line)
		}
		found[*f.Check] = *f.OK
		if *f.OK == (*f.Remedy != "") {
			t.Errorf("a remedy belongs to what is not well: %s", line)
		}
	}
	for check, want := range map[string]bool{
		"config": true, "broker " + w.broker: true, "topic users": true, "topic missing": false, "group bridge": true, "api " + w.env["SAFETYKIT_BASE_URL"]: true,
	} {
		if got, told := found[check]; !told || got != want {
			t.Errorf("%s: told %v, ok %v", check, told, got)
		}
	}
	w.untouched()
}

// Each fault makes exactly one line fail, which names the remedy; what does not
// depend on it is still checked.
func TestCheck_faults(t *testing.T) {
	for _, tc := range []struct {
		name    string
		changes map[string]string
		want    string // the beginning of the line
		remedy  string
		also    string // an ok line all the same
	}{
		{"wrong key", map[string]string{"SAFETYKIT_API_KEY": "sk_SECRET_wrong"}, "fail api ", "SAFETYKIT_API_KEY", "ok group bridge"},
		{"no API there", map[string]string{"SAFETYKIT_BASE_URL": "http://" + dead}, "fail api http://" + dead, "SAFETYKIT_BASE_URL", "ok topic users"},
		{"missing topic", map[string]string{"BRIDGE_KAFKA_TOPICS": "users,missing"}, "fail topic missing: does not exist", "BRIDGE_KAFKA_TOPICS", "ok topic users"},
		{"no topic matches", map[string]string{"BRIDGE_KAFKA_TOPICS": "", "BRIDGE_KAFKA_TOPIC_REGEX": "orders.*"}, "fail topics: none matches", "correct the expression", "ok group bridge"},
		{"all that match are left out", map[string]string{"BRIDGE_KAFKA_TOPICS": "", "BRIDGE_KAFKA_TOPIC_REGEX": "users", "BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX": "u.*"},
			`fail topics: none matches BRIDGE_KAFKA_TOPIC_REGEX "^(?:users)$" but what is left out`, "correct the expression", `ok topics: BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX "^(?:u.*)$" leaves out users`},
		{"missing dead-letter topic", map[string]string{"BRIDGE_DLQ_TOPIC": "missing", "BRIDGE_ON_INVALID": "dlq"}, "fail dead-letter topic missing", "BRIDGE_DLQ_TOPIC", "ok group bridge"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newCheckWorld(t)
			code, out := w.check(tc.changes, "-namespace", "users")
			ok, fail := w.lines(out)
			if code != 1 || len(fail) != 1 || !strings.HasPrefix(fail[0], tc.want) || !strings.Contains(fail[0], tc.remedy) {
				t.Errorf("exit code %d, want one line %q with %q: %s", code, tc.want, tc.remedy, out)
			}
			if !strings.Contains(strings.Join(ok, "\n"), tc.also) {
				t.Errorf("no line %q: %s", tc.also, out)
			}
			w.untouched()
		})
	}
}

// A region that nobody knows can be found out only where the AWS default chain
// is asked: it is a bad configuration all the same.
func TestAWSRegion_isPartOfTheConfiguration(t *testing.T) {
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	msk := map[string]string{"BRIDGE_KAFKA_TLS": "true", "BRIDGE_KAFKA_SASL_MECHANISM": "AWS_MSK_IAM"}
	const fault = "AWS_REGION: it is required by BRIDGE_KAFKA_SASL_MECHANISM=AWS_MSK_IAM, since the AWS default chain knows no region"

	w := newCheckWorld(t)
	code, out := w.check(msk, "-namespace", "users")
	ok, fail := w.lines(out)
	if want := "fail config: " + fault + ". Remedy: set AWS_REGION"; code != exitUsage || len(fail) != 1 || fail[0] != want {
		t.Errorf("exit code %d, want %d and one line %q: %s", code, exitUsage, want, out)
	}
	if len(ok) != 1 || !strings.HasPrefix(ok[0], "ok api ") {
		t.Errorf("the API was not asked: %s", out)
	}

	var stderr bytes.Buffer
	code = run(t.Context(), nil, w.environ(msk), io.Discard, &stderr)
	if want := "bridge: the configuration cannot be used:\n" + fault + "\n"; code != exitUsage || stderr.String() != want {
		t.Errorf("exit code %d, want %d and %q: %s", code, exitUsage, want, stderr.String())
	}

	t.Setenv("AWS_PROFILE", "nobody")
	code, out = w.check(msk)
	_, fail = w.lines(out)
	const profile = `fail config: BRIDGE_KAFKA_SASL_MECHANISM="AWS_MSK_IAM": load AWS configuration: `
	if code != exitUsage || len(fail) != 1 || !strings.HasPrefix(fail[0], profile) || !strings.HasSuffix(fail[0], "AWS default chain") {
		t.Errorf("exit code %d, want %d and one line %q: %s", code, exitUsage, profile, out)
	}
}

// dead is an address that refuses connections.
const dead = "127.0.0.1:1"

func TestCheck_brokers(t *testing.T) {
	silent, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // connects, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	for _, tc := range []struct {
		name, brokers string
		fail          []string
	}{
		{"dead", dead, []string{"fail broker " + dead + ": ", "fail kafka: no broker answers"}},
		{"silent", silent.Addr().String(), []string{"fail broker " + silent.Addr().String() + ": ", "fail kafka: no broker answers"}},
		{"one of two dead", dead + ",ALIVE", []string{"fail broker " + dead + ": "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newCheckWorld(t)
			start := time.Now()
			code, out := w.check(map[string]string{"BRIDGE_KAFKA_BROKERS": strings.ReplaceAll(tc.brokers, "ALIVE", w.broker)}, "-namespace", "users", "-sample", "10")
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %s", took)
			}
			ok, fail := w.lines(out)
			if code != 1 || len(fail) != len(tc.fail) || !strings.Contains(fail[0], "check BRIDGE_KAFKA_BROKERS") {
				t.Fatalf("exit code %d: %s", code, out)
			}
			for i := range fail {
				if !strings.HasPrefix(fail[i], tc.fail[i]) {
					t.Errorf("line %q, want %q", fail[i], tc.fail[i])
				}
			}
			if !strings.Contains(strings.Join(ok, "\n"), "ok api ") {
				t.Errorf("the API was not asked: %s", out)
			}
			if alive := strings.Contains(tc.brokers, "ALIVE"); alive != strings.Contains(out, "ok topic users") {
				t.Errorf("topics: %s", out)
			}
		})
	}
}

// What the API answers decides the remedy.
func TestCheck_apiAnswers(t *testing.T) {
	const link = `{"upload_url":"https://store.example/x?SECRET","requestId":"r1"}`
	for _, tc := range []struct {
		status int
		body   string
		want   string
	}{
		{200, link, "(request id r1)"},
		{401, "SECRET", "the API refuses the key"},
		{403, "", "the API refuses the key for this namespace"},
		{404, "", "check that the namespace exists"},
		{422, "SECRET", "the API refuses this namespace"},
		{429, "", "the API throttles this key"},
		{503, "", "the API is not well"},
		{302, link, "a redirect, which is never followed"},
		{200, "<html>SECRET", "not what the import API documents"},
		{200, `{"upload_url":"http://user:SECRET@store.example/x"}`, "check upload_url: user information in the URL. Remedy: the answer is not what the import API documents"},
		{200, `{"upload_url":"http://store.example/x"}`, "check upload_url: plain http to a host that is not loopback"},
	} {
		t.Run(fmt.Sprintf("%d %q", tc.status, tc.body), func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			t.Cleanup(server.Close)
			w := newCheckWorld(t)
			code, out := w.check(map[string]string{"SAFETYKIT_BASE_URL": server.URL}, "-namespace", "users")
			if good := tc.body == link && tc.status == 200; (code == 0) != good || !strings.Contains(out, tc.want) {
				t.Errorf("exit code %d, want %q: %s", code, tc.want, out)
			}
		})
	}
}

// The check finds the name of the create call as a run does.
func TestCheck_findsTheImportPath(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/requests/upload-url") {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"upload_url":"https://store.example/x","requestId":"r1"}`)
	}))
	t.Cleanup(server.Close)
	w := newCheckWorld(t)
	code, out := w.check(map[string]string{"SAFETYKIT_BASE_URL": server.URL}, "-namespace", "users")
	if code != 0 || !strings.Contains(out, "for namespace users by /v1/data/{namespace}/requests/upload-url (request id r1)") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestCheck_committedOffsets(t *testing.T) {
	w := newCheckWorld(t)
	w.produce("users", 0, `{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`)
	w.produce("users", 1, `{"id":"d"}`)
	w.produce("listings", 0, `{"id":"e"}`)
	w.commit("users", 0, 2)
	w.commit("listings", 0, 9)
	code, out := w.check(nil, "-sample", "10")
	for _, want := range []string{
		"ok topic users: 3 partitions, readable; 2 records ahead of what the group has committed",
		"ok topic listings: 1 partition, readable; 1 record ahead of what the group has committed; partition 0: committed offset 9 lies beyond the end 1",
		"ok sample users: read 2 records, the oldest of the 2 ahead",
	} {
		if code != 0 || !strings.Contains(out, want+"\n") {
			t.Errorf("exit code %d, want %q: %s", code, want, out)
		}
	}
	code, out = w.check(map[string]string{"BRIDGE_KAFKA_OFFSET_RESET": "hold"})
	if _, fail := w.lines(out); code != 1 || len(fail) != 1 || !strings.HasPrefix(fail[0], "fail topic listings: ") || !strings.Contains(fail[0], "kafka-consumer-groups --reset-offsets") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// What a policy that leaves records out means is told partition by partition.
func TestCheck_startsOfANewGroup(t *testing.T) {
	w := newCheckWorld(t)
	young, old := time.Now().Add(-time.Hour), time.Now().Add(-48*time.Hour)
	for _, r := range []*kgo.Record{
		{Partition: 0, Timestamp: old}, {Partition: 0, Timestamp: old}, {Partition: 0, Timestamp: young}, {Partition: 0, Timestamp: old},
		{Partition: 1, Timestamp: old},
	} {
		r.Topic, r.Value = "users", []byte(`{"id":"a"}`)
		if err := w.client().ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	day := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	for reset, want := range map[string]string{
		"earliest":         "5 records ahead of the group, which is new",
		"latest":           "0 records ahead of the group, which is new: latest starts partition 0 at 4 (the end), 1 at 1 (the end), 2 at 0 (the end)",
		"duration:24h":     "2 records ahead of the group, which is new: duration:24h0m0s starts partition 0 at 2, 1 at 1 (the end), 2 at 0 (the end)",
		"timestamp:" + day: "2 records ahead of the group, which is new: timestamp:" + day + " starts partition 0 at 2, 1 at 1 (the end), 2 at 0 (the end)",
	} {
		code, out := w.check(map[string]string{"BRIDGE_KAFKA_OFFSET_RESET": reset, "BRIDGE_KAFKA_TOPICS": "users"})
		if want = "ok topic users: 3 partitions, readable; " + want + "\n"; code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit code %d, want %q: %s", reset, code, want, out)
		}
	}
	w.commit("listings", 0, 0) // which an earlier configuration has read
	code, out := w.check(map[string]string{"BRIDGE_KAFKA_OFFSET_RESET": "duration:24h", "BRIDGE_KAFKA_TOPICS": "users"})
	if want := "5 records ahead of what the group has committed\n"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit code %d, want %q: %s", code, want, out)
	}
}

func TestCheck_sharedGroup(t *testing.T) {
	w := newCheckWorld(t)
	w.produce("users", 0, `{"id":"a"}`)
	other := w.client(kgo.ClientID("other-consumer"), kgo.ConsumerGroup("bridge"), kgo.ConsumeTopics("users"), kgo.Balancers(kgo.RangeBalancer()),
		kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err := other.PollFetches(t.Context()).Err(); err != nil { // a member by now
		t.Fatal(err)
	}
	code, out := w.check(nil)
	_, fail := w.lines(out)
	if code != 1 || len(fail) != 1 || !strings.HasPrefix(fail[0], `fail group bridge: is shared with other clients: "other-consumer"`) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// What was found and could not be printed is a failure that is told.
func TestCheck_thatCannotPrint(t *testing.T) {
	w := newCheckWorld(t)
	for name, broker := range map[string]string{"and all is well": w.broker, "and something fails": dead} {
		var stderr bytes.Buffer
		code := run(t.Context(), []string{"check"}, w.environ(map[string]string{"BRIDGE_KAFKA_BROKERS": broker}), fullDisk{}, &stderr)
		if want := "bridge: " + syscall.ENOSPC.Error() + "\n"; code != exitFailed || stderr.String() != want {
			t.Errorf("%s: exit code %d, %q on standard error, want %q", name, code, stderr.String(), want)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
