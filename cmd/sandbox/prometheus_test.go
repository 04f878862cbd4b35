package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/charts"
	"kafka-import-bridge/internal/sandbox"
)

const (
	testScrapes = 500 * time.Millisecond
	rateWindow  = "5s" // ten scrapes
)

// needPrometheus skips the test without the server, and fails it where CI=true.
func needPrometheus(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: needs prometheus")
	}
	binary, err := findPrometheus()
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	} else if err != nil {
		t.Skipf("SKIPPED, RULES AND DASHBOARD ARE NOT TESTED: %v", err)
	}
	return binary
}

// troubledDemo is a running bridge with traffic of every kind: poison records and
// tombstones, a namespace that is refused, and one whose imports fail for now.
func troubledDemo(t *testing.T) (*bridge, *sandbox.API) {
	t.Helper()
	w, err := startWorld(t.Context(), worldOptions{topics: sampleTopics(2), api: sandbox.Options{Key: demoKey, Discard: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Namespace: "acme-users", Status: http.StatusNotFound})
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Namespace: "acme-messages", Status: http.StatusServiceUnavailable})
	settings := append(w.bridgeEnvironment(demoKey), "BRIDGE_BATCH_MAX_AGE=300ms", "BRIDGE_RETRY_MAX_BACKOFF=1s")
	b, err := startBridge(t.Context(), buildBridge(t), filepath.Join(t.TempDir(), "log"), os.Environ(), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.kill)
	if err := b.waitReady(t.Context(), readyTimeout); err != nil {
		t.Fatalf("%v\n%s", err, b.tail())
	}
	feed, err := sandbox.NewFeed(sandbox.FeedOptions{Brokers: []string{w.kafka.Addr()}, Rate: 500, Seed: 1, OddShare: 0.02})
	if err != nil {
		t.Fatal(err)
	}
	feeding, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- feed.Run(feeding) }() // ends with the test
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return b, w.api
}

func watch(t *testing.T, binary string, b *bridge, native bool) *prometheus {
	t.Helper()
	p, err := startPrometheus(t.Context(), binary, prometheusOptions{bridge: b.url, interval: testScrapes, native: native})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(p.dir); err == nil {
			t.Errorf("%s is left behind", p.dir)
		}
	})
	return p
}

func TestDemo_withPrometheusLeavesNothingBehind(t *testing.T) {
	needPrometheus(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	code, stdout, stderr := demoWith(t, "none", "-with-prometheus")
	url := regexp.MustCompile(`(?m)^prometheus +(\S+)$`).FindStringSubmatch(stdout)
	if code != exitOK || url == nil {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	if _, err := get(t.Context(), http.DefaultClient, url[1]); err == nil {
		t.Error("Prometheus outlives the demo")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestDemo_saysHowToGetPrometheus(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	code, _, stderr := demoWith(t, "none", "-with-prometheus")
	if code != exitFailed || stderr != "sandbox: "+errNoPrometheus.Error()+"\n" {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

// A real Prometheus, as the demo runs it, scrapes a bridge in some trouble.
func TestPrometheus_rulesAndDashboardFindWhatTheyAskFor(t *testing.T) {
	binary := needPrometheus(t)
	b, api := troubledDemo(t)
	classic, native := watch(t, binary, b, false), watch(t, binary, b, true)
	for name, p := range map[string]*prometheus{"classic": classic, "native": native} {
		t.Run(name+" histograms", func(t *testing.T) {
			for _, query := range dashboardQueries(t) {
				p.mustFind(t, query)
			}
		})
	}
	t.Run("alerts", classic.checkAlerts)
	t.Run("the document names every series and its labels", classic.checkDocument)
	t.Run("formats", func(t *testing.T) { checkFormats(t, b) })
	t.Run("an alert follows its trouble", func(t *testing.T) {
		api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Status: http.StatusUnauthorized})
		classic.mustNotice(t, "BridgeCredentialsRefused")
	})
}

// dashboardQueries are those of all panels, with Grafana's variable filled in.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	var board struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(charts.Dashboard(scrapeMatchers)), &board); err != nil {
		t.Fatal(err)
	}
	var queries []string
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			query := strings.ReplaceAll(target.Expr, "$__rate_interval", rateWindow)
			if strings.Contains(query, "$") {
				t.Errorf("a variable that the test does not know: %s", query)
			}
			queries = append(queries, query)
		}
	}
	if len(queries) < 30 {
		t.Errorf("only %d queries", len(queries))
	}
	return queries
}

// mustFind waits until a query yields series; an error ends the wait. No query
// is excused: what an alert looks at exists before the trouble does, or the
// troubled demo makes the trouble.
func (p *prometheus) mustFind(t *testing.T, query string) {
	t.Helper()
	eventually(t, "this yields something: "+query, func() bool {
		var found struct{ Result []json.RawMessage }
		if err := p.ask(t.Context(), "query", url.Values{"query": {query}}, &found); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return len(found.Result) > 0
	})
}

// ask calls the HTTP API and decodes the data of its answer.
func (p *prometheus) ask(ctx context.Context, what string, values url.Values, data any) error {
	page, err := get(ctx, p.client, p.url+"/api/v1/"+what+"?"+values.Encode())
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(page, &answer); err != nil || answer.Status != "success" {
		return fmt.Errorf("%s %s: %w", answer.Status, answer.Error, err)
	}
	return json.Unmarshal(answer.Data, data)
}

// rule is an alert as the server tells it.
type rule struct{ Name, Query, Health, LastError, State string }

func (p *prometheus) rules(t *testing.T) map[string]rule {
	t.Helper()
	var data struct{ Groups []struct{ Rules []rule } }
	if err := p.ask(t.Context(), "rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	all := map[string]rule{}
	for _, group := range data.Groups {
		for _, r := range group.Rules {
			all[r.Name] = r
		}
	}
	return all
}

var selector = regexp.MustCompile(`\b(?:bridge|process)_\w+\{[^}]*\}`)

// checkAlerts: every rule can be evaluated, finds what it looks at, and those of
// the trouble at hand say so.
func (p *prometheus) checkAlerts(t *testing.T) {
	eventually(t, "every rule was evaluated", func() bool {
		for _, r := range p.rules(t) {
			if r.Health == "unknown" {
				return false
			}
		}
		return true
	})
	rules := p.rules(t)
	if want := len(charts.AlertNames()); len(rules) != want || want == 0 {
		t.Errorf("%d of %d rules are loaded", len(rules), want)
	}
	for name, r := range rules {
		if r.Health != "ok" {
			t.Errorf("%s: %s", name, r.LastError)
		}
		for _, series := range selector.FindAllString(r.Query, -1) {
			p.mustFind(t, series)
		}
	}
	due := []string{"BridgeNamespaceHeld", "BridgePartitionHeld", "BridgeDeadLetters"}
	for _, name := range due {
		p.mustNotice(t, name)
	}
	eventually(t, "nothing else is noticed", func() bool {
		for name, r := range p.rules(t) {
			if r.State != "inactive" && !slices.Contains(due, name) {
				return false
			}
		}
		return true
	})
}

// mustNotice waits until an alert is pending, or fires.
func (p *prometheus) mustNotice(t *testing.T, name string) {
	t.Helper()
	eventually(t, name+" is noticed", func() bool {
		state := p.rules(t)[name].State
		return state == "pending" || state == "firing"
	})
}

// checkDocument compares docs/metrics.md with what was scraped, both ways.
func (p *prometheus) checkDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(bridge_\\w+)` \\| (counter|gauge|histogram) \\| (.*?) \\| ").FindAllStringSubmatch(string(document), -1) {
		labels := regexp.MustCompile("`(\\w+)`").FindAllString(strings.ReplaceAll(row[3], "`namespace`", "`exported_namespace`"), -1)
		slices.Sort(labels)
		documented[row[1]] = row[2] + " " + strings.ReplaceAll(strings.Join(labels, ","), "`", "")
	}
	scraped := p.scraped(t)
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		if scraped[name] != documented[name] {
			t.Errorf("%s is documented as %q, scraped as %q", name, documented[name], scraped[name])
		}
		delete(scraped, name)
	}
	for name := range scraped {
		t.Errorf("%s is not documented", name)
	}
}

// scraped are the bridge's metrics: type and sorted labels by name, without what
// the scrape and the format add.
func (p *prometheus) scraped(t *testing.T) map[string]string {
	t.Helper()
	var types map[string][]struct{ Type string }
	if err := p.ask(t.Context(), "metadata", nil, &types); err != nil {
		t.Fatal(err)
	}
	var series []map[string]string
	if err := p.ask(t.Context(), "series", url.Values{"match[]": {`{__name__=~"bridge_.+"}`}}, &series); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, labels := range series {
		name := labels["__name__"]
		for _, added := range []string{"__name__", "job", "instance", "pod", "namespace", "le"} {
			delete(labels, added)
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count", "_created", ""} {
			family := strings.TrimSuffix(name, suffix)
			// OpenMetrics names the family of a counter without its suffix.
			for _, known := range [][]struct{ Type string }{types[family], types[strings.TrimSuffix(family, "_total")]} {
				if len(known) == 1 && found[family] == "" {
					found[family] = known[0].Type + " " + strings.Join(slices.Sorted(maps.Keys(labels)), ",")
				}
			}
		}
	}
	return found
}

// checkFormats reads both text formats, as promtool and as the headers have it.
func checkFormats(t *testing.T, b *bridge) {
	for accept, want := range map[string]string{
		"text/plain;version=0.0.4":                   "text/plain; version=0.0.4",
		"application/openmetrics-text;version=1.0.0": "application/openmetrics-text; version=1.0.0",
		"application/vnd.google.protobuf;encoding=delimited;proto=io.prometheus.client.MetricFamily": "application/vnd.google.protobuf",
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", accept)
		response, err := b.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var page bytes.Buffer
		_, err = page.ReadFrom(response.Body)
		_ = response.Body.Close()
		if got := response.Header.Get("Content-Type"); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s is answered as %s, %v", accept, got, err)
		}
		if strings.HasPrefix(want, "application/openmetrics") && !bytes.HasSuffix(page.Bytes(), []byte("# EOF\n")) {
			t.Error("the OpenMetrics page has no end")
		}
		if !strings.HasPrefix(want, "text/plain") {
			continue
		}
		check := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
		check.Stdin = &page
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("promtool check metrics: %v\n%s", err, out)
		}
	}
}
