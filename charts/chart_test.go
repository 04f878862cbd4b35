package charts

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestChart_lintsWithEveryExample(t *testing.T) {
	examples, err := filepath.Glob(filepath.Join(chart, "ci", "*-values.yaml"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("examples = %v, %v", examples, err)
	}
	for _, values := range examples {
		t.Run(filepath.Base(values), func(t *testing.T) {
			if out, stderr, err := helm(t, "lint", "--strict", chart, "-f", values); err != nil {
				t.Errorf("helm lint: %v\n%s%s", err, out, stderr)
			}
			out, stderr, err := helm(t, "template", "import", chart, "-f", values)
			if err != nil {
				t.Fatalf("helm template: %v\n%s", err, stderr)
			}
			if bad := regexp.MustCompile(`[0-9]e\+[0-9]+|<nil>|%!|<no value>`).FindString(out); bad != "" {
				t.Errorf("the manifests contain %q", bad)
			}
		})
	}
}

// What the chart renders and refuses otherwise is in its tests folder, for
// helm-unittest (make chart).
func TestChart_tellsAllFaultsAtOnce(t *testing.T) {
	_, stderr, err := helm(t, "template", "import", chart)
	if err == nil {
		t.Fatal("the chart renders without values")
	}
	for _, want := range []string{"BRIDGE_KAFKA_BROKERS is missing", "no topics are chosen", "the API key is missing"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("it says\n%s\nwant %q in it", stderr, want)
		}
	}
}
