package charts

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kafka-import-bridge/test/provision"
)

// alertRules writes the rules of a rendered PrometheusRule as a file that
// promtool reads, and returns the folder that it is in.
func alertRules(t *testing.T, args ...string) string {
	t.Helper()
	out := mustRender(t, "prometheusRule: {enabled: true, runbookURL: 'https://runbook.example.com'}",
		append(args, "--show-only", "templates/prometheusrule.yaml")...)
	_, spec, ok := strings.Cut(out, "\nspec:\n")
	if !ok {
		t.Fatalf("no spec in\n%s", out)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func promtool(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), provision.Program(t, "promtool", "apt-get install prometheus"), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlerts_fireAndStaySilentAsTheirCasesSay(t *testing.T) {
	dir := alertRules(t)
	promtool(t, dir, "check", "rules", "rules.yaml")
	for _, cases := range caseFiles(t, "*.test.yaml") {
		testRules(t, dir, cases)
	}
}

func TestAlerts_waitForBatchesThatAreDueLate(t *testing.T) {
	dir := alertRules(t, "--set", "config.BRIDGE_BATCH_MAX_AGE=1h")
	promtool(t, dir, "check", "rules", "rules.yaml")
	for _, cases := range caseFiles(t, "alerts_age_1h.yaml") {
		testRules(t, dir, cases)
	}
}

func testRules(t *testing.T, dir, cases string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "test.yaml"), []byte(cases), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, dir, "test", "rules", "test.yaml")
}

// caseFiles are the texts of the files of cases whose names match.
func caseFiles(t *testing.T, pattern string) (texts []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("files of cases = %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// Every alert needs a case in which it fires; the file of cases begins each
// alert with one in which it stays silent.
func TestAlerts_allHaveCases(t *testing.T) {
	cases := []byte(strings.Join(caseFiles(t, "*.test.yaml"), ""))
	rules, err := os.ReadFile(filepath.Join(chart, "files", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		name := regexp.QuoteMeta(m[1])
		if !regexp.MustCompile(`alertname: ` + name + `\n\s+exp_alerts:\n`).Match(cases) {
			t.Errorf("%s has no case in which it fires", m[1])
		}
		if !regexp.MustCompile(`alertname: ` + name + `\n\s+exp_alerts: \[\]`).Match(cases) {
			t.Errorf("%s has no case in which it stays silent", m[1])
		}
	}
}

func TestAlerts_linkToTheRunbookAndCanBeDisabled(t *testing.T) {
	out := mustRender(t, "prometheusRule: {enabled: true, runbookURL: 'https://r/book', disabledAlerts: [BridgeDeadLetters], alertLabels: {team: data}}",
		"--show-only", "templates/prometheusrule.yaml")
	for _, want := range []string{"runbook_url: https://r/book#bridgelaggrowing", "team: data", `bridge_build_info{namespace="data",pod=~"import-kafka-import-bridge-[a-z0-9]+-[a-z0-9]{5}"}`, "{{ $labels.topic }}"} {
		if !strings.Contains(out, want) {
			t.Errorf("the rules lack %q", want)
		}
	}
	if strings.Contains(out, "BridgeDeadLetters") || strings.Contains(out, "SERIES") {
		t.Errorf("the rules contain a disabled alert or an unfilled selector:\n%s", out)
	}
}
