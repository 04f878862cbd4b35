package docs

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/admin"
	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/follow"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/internal/outbox"
	"kafka-import-bridge/internal/record"
)

var update = flag.Bool("update", false, "write what is generated of the documents")

// metric is what the document says of one metric.
type metric struct {
	name, kind, help string
	labels           []string
	values           map[string][]string // of labels whose set is closed
	buckets          []float64
}

type noKey struct{}

func (noKey) Value() string { return "" }
func (noKey) Reload() (bool, error) {
	return false, nil
}

// exported is everything that the binary registers, the Go runtime's and the
// process's own metrics aside.
func exported(t *testing.T) []metric {
	t.Helper()
	registry := admin.NewRegistry("v", "r")
	outbox.NewMetrics(registry)
	follow.NewMetrics(registry, report.NewMetrics(registry, 1).Label)
	decode.NewMetrics(registry)
	stderr := logging.NewWriter(io.Discard)
	stderr.Register(registry)
	stderr.Close(time.Minute)
	base := &url.URL{Scheme: "https", Host: "api.example.com"}
	importer.New(importer.Config{BaseURL: base, Key: noKey{}}, registry)
	all := described(t, registry)
	gathered(t, registry, all)
	list := make([]metric, 0, len(all))
	for _, m := range all {
		list = append(list, *m)
	}
	slices.SortFunc(list, func(a, b metric) int { return cmp.Compare(a.name, b.name) })
	return list
}

var describedAs = regexp.MustCompile(`^Desc\{fqName: "(bridge_\w+)", help: "(.*?)"(?:, unit: ".*?")?, constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// described reads the names, helps and labels. Metrics whose series come with
// their labels are known by this only, and what is no counter is a gauge.
func described(t *testing.T, registry *prometheus.Registry) map[string]*metric {
	t.Helper()
	descs := make(chan *prometheus.Desc)
	go func() { // ends when all are described
		registry.Describe(descs)
		close(descs)
	}()
	all := map[string]*metric{}
	for d := range descs {
		parts := describedAs.FindStringSubmatch(d.String())
		if parts == nil {
			if strings.Contains(d.String(), `"bridge_`) {
				t.Errorf("%s cannot be read", d)
			}
			continue
		}
		m := &metric{name: parts[1], help: parts[2], kind: "gauge", values: map[string][]string{}}
		if strings.HasSuffix(m.name, "_total") {
			m.kind = "counter"
		}
		for _, label := range strings.FieldsFunc(parts[3]+","+parts[4], func(r rune) bool { return r == ',' }) {
			name, _, _ := strings.Cut(label, "=")
			m.labels = append(m.labels, name)
		}
		all[m.name] = m
	}
	return all
}

// gathered adds what only the series tell: types, buckets and the values that
// are exported from the start.
func gathered(t *testing.T, registry *prometheus.Registry, all map[string]*metric) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		m := all[f.GetName()]
		if m == nil {
			continue
		}
		kind := strings.ToLower(f.GetType().String())
		if m.kind = kind; (kind == "counter") != strings.HasSuffix(m.name, "_total") {
			t.Errorf("%s is a %s", m.name, kind)
		}
		for _, series := range f.GetMetric() {
			for _, pair := range series.GetLabel() {
				if !slices.Contains(m.values[pair.GetName()], pair.GetValue()) {
					m.values[pair.GetName()] = append(m.values[pair.GetName()], pair.GetValue())
				}
			}
			m.buckets = nil
			for _, b := range series.GetHistogram().GetBucket() {
				m.buckets = append(m.buckets, b.GetUpperBound())
			}
		}
	}
	delete(all["bridge_build_info"].values, "goversion")
	delete(all["bridge_build_info"].values, "version")
	delete(all["bridge_build_info"].values, "revision")
	closedSets(all)
}

// closedSets adds the reasons that appear together with a topic or namespace.
func closedSets(all map[string]*metric) {
	var letters, rejections, flushes []string
	for _, r := range record.Reasons() {
		if r.Policy(record.DeadLetter, record.DeadLetter) == record.DeadLetter {
			letters = append(letters, r.String())
		}
		if r.Invalid() {
			rejections = append(rejections, r.String())
		}
	}
	for _, r := range batcher.Reasons() {
		flushes = append(flushes, r.String())
	}
	letters, rejections = append(letters, "refused"), append(rejections, "refused")
	for name, values := range map[string][]string{
		"bridge_dlq_records_total":      letters,
		"bridge_records_rejected_total": rejections,
		"bridge_records_skipped_total":  {"already_imported", "invalid", "operator", "receipt", "tombstone"},
		"bridge_offset_resets_total":    {"below_log_start", "beyond_end", "recreated"},
		"bridge_batches_flushed_total":  flushes,
	} {
		all[name].values["reason"] = values
	}
	all["bridge_imports_finished_total"].values["status"] = follow.Statuses()
	all["bridge_import_requests_total"].values["code"] = []string{"the HTTP status", "error"}
}

const metricsHead = `<!-- Generated from the registry: make generate writes it. -->
# Metrics

` + "`/metrics`" + ` speaks the Prometheus text format and OpenMetrics; a scraper that asks for protobuf gets the histograms natively too. Beside these, the process exports the usual ` + "`go_*` and `process_*`" + ` metrics.

Closed label sets are exported at zero from the start, those with a topic or namespace as soon as that is known. The series of a partition vanish when it is revoked. Those of a topic vanish once the bridge does not subscribe to it any more. Namespaces beyond ` + "`BRIDGE_METRICS_MAX_NAMESPACES`" + ` are reported as ` + "`other`" + `. A scrape that sets a label ` + "`namespace`" + ` of its own, as in Kubernetes, renames the metric's to ` + "`exported_namespace`" + `.

What to watch is in the [runbook](runbook.md), one section per alert.

| metric | type | labels | meaning |
|---|---|---|---|
`

// document writes docs/metrics.md.
func document(metrics []metric) string {
	var b, buckets strings.Builder
	b.WriteString(metricsHead)
	for _, m := range metrics {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, m.labelText(), m.help)
		if m.kind == "histogram" {
			var bounds []string
			for _, bound := range m.buckets {
				bounds = append(bounds, strconv.FormatFloat(bound, 'f', -1, 64))
			}
			fmt.Fprintf(&buckets, "| `%s` | %s |\n", m.name, strings.Join(bounds, ", "))
		}
	}
	fmt.Fprintf(&b, "\n## Buckets\n\nOf the classic histograms; the native ones grow by a factor of 1.1 and keep at most 100 buckets.\n\n| metric | upper bounds |\n|---|---|\n%s", buckets.String())
	return b.String()
}

func (m *metric) labelText() string {
	var texts []string
	for _, label := range m.labels {
		text := "`" + label + "`"
		if values := m.values[label]; len(values) > 0 {
			text += ": " + strings.Join(values, ", ")
		}
		texts = append(texts, text)
	}
	return cmp.Or(strings.Join(texts, "; "), "–")
}

func TestMetrics_documentIsUpToDate(t *testing.T) {
	want := document(exported(t))
	if got, err := os.ReadFile("metrics.md"); err == nil && string(got) == want {
		return
	} else if err != nil && !*update {
		t.Fatal(err)
	}
	if !*update {
		t.Fatal("docs/metrics.md is stale: run make generate and look at the difference")
	}
	if err := os.WriteFile("metrics.md", []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// knownSeries are the names that a scrape yields, with their labels.
func knownSeries(t *testing.T) map[string]map[string]bool {
	t.Helper()
	known := map[string]map[string]bool{}
	for _, m := range exported(t) {
		// The scrape adds instance, and in Kubernetes namespace and pod; its
		// namespace renames the metric's.
		labels := map[string]bool{"instance": true, "namespace": true, "pod": true}
		for _, l := range m.labels {
			labels[l] = true
		}
		if slices.Contains(m.labels, "namespace") {
			labels["exported_namespace"] = true
		}
		known[m.name] = labels
		if m.kind == "histogram" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				known[m.name+suffix] = maps.Clone(labels)
			}
			known[m.name+"_bucket"]["le"] = true
		}
	}
	return known
}

// Every series that alerts, dashboard and documents name is one that the binary
// exports, and has the labels that they select and group by.
func TestMetrics_namedElsewhereExist(t *testing.T) {
	known := knownSeries(t)
	for _, file := range append(documents(t), "../charts/kafka-import-bridge/files/alerts.yaml", "../charts/kafka-import-bridge/files/dashboard.json",
		"../charts/kafka-import-bridge/templates/scaledobject.yaml") {
		for line := range strings.Lines(read(t, file)) {
			for _, fault := range queryFaults(line, known) {
				t.Errorf("%s: %s", file, fault)
			}
		}
	}
}

var (
	seriesOf  = regexp.MustCompile(`(bridge_[a-z]\w*)(\{[^}]*\})?`)
	matchers  = regexp.MustCompile(`(\w+)\s*[=!]~?\s*\\?"`)
	groupings = regexp.MustCompile(`\bby \(([^)]*)\)`)
)

// queryFaults names what a line of text asks for and would not get.
func queryFaults(line string, known map[string]map[string]bool) (faults []string) {
	all := map[string]bool{}
	for _, found := range seriesOf.FindAllStringSubmatch(line, -1) {
		labels, ok := known[found[1]]
		if !ok {
			faults = append(faults, found[1]+" is not exported")
		}
		maps.Copy(all, labels)
		for _, label := range matchers.FindAllStringSubmatch(found[2], -1) {
			if ok && !labels[label[1]] {
				faults = append(faults, found[1]+" has no label "+label[1])
			}
		}
	}
	for _, grouping := range groupings.FindAllStringSubmatch(line, -1) {
		for label := range strings.SplitSeq(grouping[1], ",") {
			if label = strings.TrimSpace(label); len(all) > 0 && !all[label] {
				faults = append(faults, "nothing has the label "+label+" in "+strings.TrimSpace(line))
			}
		}
	}
	return faults
}
