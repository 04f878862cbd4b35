package charts

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// rule is an alert of a file of rules.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func parseRules(t *testing.T, text string) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) == 0 {
		t.Fatalf("groups: %+v", file.Groups)
	}
	return file.Groups[0].Rules
}

// What bridge rules prints and what the chart installs are the same alerts.
func TestRules_equalTheCharts(t *testing.T) {
	const matchers = `namespace="data",pod=~"a\\.b-.+"`
	values := `
config: {BRIDGE_BATCH_MAX_AGE: 1m30s}
metricsSelector: 'namespace="data",pod=~"a\\.b-.+"'
prometheusRule:
  enabled: true
  runbookURL: https://r/book.md
  alertLabels: {team: "da\\ta: x"}
  disabledAlerts: [BridgeDeadLetters]
  thresholds: {lag: 1h, waiting: 20m, stalled: 25m, retentionLag: 2h30m, rebalances: 12, memoryPaused: 0.75}
`
	out := mustRender(t, values, "--show-only", "templates/prometheusrule.yaml")
	_, spec, _ := strings.Cut(out, "\nspec:\n")
	installed := parseRules(t, spec)
	printed := parseRules(t, Rules{
		Matchers: matchers, BatchMaxAge: 90 * time.Second, RunbookURL: "https://r/book.md",
		Labels:   map[string]string{"team": `da\ta: x`, "deployment": "import-kafka-import-bridge", "deployment_namespace": "data"},
		Disabled: []string{"BridgeDeadLetters"},
		Thresholds: Thresholds{
			Lag: time.Hour, Waiting: 20 * time.Minute, Stalled: 25 * time.Minute, RetentionLag: 150 * time.Minute,
			Rebalances: 12, MemoryPaused: 0.75,
		},
	}.Text())
	if len(installed) != len(printed) || len(printed) != len(AlertNames())-1 {
		t.Fatalf("%d are installed and %d printed, of %d", len(installed), len(printed), len(AlertNames()))
	}
	for i := range printed {
		if !reflect.DeepEqual(printed[i], installed[i]) {
			t.Errorf("printed\n%+v\ninstalled\n%+v", printed[i], installed[i])
		}
	}
}

func TestRules_defaultsAreTheCharts(t *testing.T) {
	out := mustRender(t, "metricsSelector: job=\"b\"\nprometheusRule: {enabled: true}", "--show-only", "templates/prometheusrule.yaml")
	_, spec, _ := strings.Cut(out, "\nspec:\n")
	installed := parseRules(t, spec)
	for i, printed := range parseRules(t, Rules{Matchers: `job="b"`, BatchMaxAge: 30 * time.Second, Thresholds: DefaultThresholds()}.Text()) {
		if printed.Expr != installed[i].Expr {
			t.Errorf("printed %s, installed %s", printed.Expr, installed[i].Expr)
		}
	}
}

// A plain Prometheus scrapes with the labels job and instance, and loads the
// file as it is.
func TestRules_serveAPlainPrometheus(t *testing.T) {
	for _, matchers := range []string{"", `job="bridge"`} {
		dir := t.TempDir()
		text := Rules{Matchers: matchers, BatchMaxAge: 30 * time.Second, Thresholds: DefaultThresholds()}.Text()
		if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		promtool(t, dir, "check", "rules", "rules.yaml")
		testRules(t, dir, `rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'bridge_fetch_paused_seconds_total{job="bridge",instance="a:8080",reason="memory"}'
        values: 0+55x60
      - series: 'bridge_namespace_held{job="bridge",instance="a:8080",namespace="users",reason="create_404"}'
        values: 1x60
    alert_rule_test:
      - eval_time: 40m
        alertname: BridgeBufferExhausted
        exp_alerts:
          - exp_labels: {severity: warning, instance: "a:8080"}
            exp_annotations:
              summary: Reading waits for memory most of the time
              description: "a:8080 spends 91.67% of its time with a full buffer: imports are slower than Kafka."
      - eval_time: 10m
        alertname: BridgeNamespaceHeld
        exp_alerts:
          - exp_labels: {severity: critical, namespace: users, reason: create_404}
            exp_annotations:
              summary: Namespace users is held
              description: The import API or the store refuses its batches (create_404). Its records wait in Kafka until their retention ends; other namespaces go on.
`)
	}
}
