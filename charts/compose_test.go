package charts

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"kafka-import-bridge/internal/config"
)

var update = flag.Bool("update", false, "write the rules and the dashboard of the Compose example")

const compose = "../examples/compose"

// The Compose example has the chart's alerts and dashboard, for its own job.
func TestCompose_hasTheChartsRulesAndDashboard(t *testing.T) {
	const matchers = `job="bridge"`
	for file, want := range map[string]string{
		"rules.yaml": "# Printed by: bridge rules -matchers 'job=\"bridge\"' -batch-max-age 5s\n" +
			Rules{Matchers: matchers, BatchMaxAge: 5 * time.Second, Thresholds: DefaultThresholds()}.Text(),
		"grafana/dashboard.json": Dashboard(matchers),
	} {
		path := filepath.Join(compose, file)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is stale (%v): run make generate", path, err)
		}
	}
}

func TestCompose_isValid(t *testing.T) {
	if testing.Short() {
		t.Skip("builds compose-go")
	}
	out, err := exec.CommandContext(t.Context(), "go", "tool", "-modfile=../tools/go.mod",
		"github.com/compose-spec/compose-go/v2/cmd", filepath.Join(compose, "compose.yaml")).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "prom/prometheus") {
		t.Errorf("compose-go: %v\n%s", err, out)
	}
	promtool(t, compose, "check", "config", "--syntax-only", "prometheus.yaml")
}

// The bridge starts with the settings of the Compose example, and has the time
// to stop that it needs.
func TestCompose_settingsAreAccepted(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(compose, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Environment     map[string]string
			StopGracePeriod string `yaml:"stop_grace_period"`
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	bridge := file.Services["bridge"]
	environ := []string{"SAFETYKIT_API_KEY=not-a-real-key"}
	for name, value := range bridge.Environment {
		if name != "SAFETYKIT_API_KEY_FILE" {
			environ = append(environ, name+"="+value)
		}
	}
	slices.Sort(environ)
	cfg, err := config.Load(environ, 0)
	if err != nil {
		t.Fatal(err)
	}
	if grace, err := time.ParseDuration(bridge.StopGracePeriod); err != nil || grace < cfg.Shutdown.Timeout+10*time.Second {
		t.Errorf("it has %q to stop (%v), and may take %s", bridge.StopGracePeriod, err, cfg.Shutdown.Timeout)
	}
	if cfg.Batch.MaxAge != 5*time.Second {
		t.Errorf("batches are due after %s, and the rules were made for 5s", cfg.Batch.MaxAge)
	}
}
