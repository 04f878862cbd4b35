package charts

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Each example of the README is a file of values that renders.
func TestReadme_examplesRender(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(examples) < 4 {
		t.Fatalf("only %d examples found", len(examples))
	}
	for _, example := range examples {
		if out, stderr, err := helmWith(t, example[1], "template", "import", chart, "--namespace", "data", "-f", "-"); err != nil || out == "" {
			t.Errorf("%v\n%s\nwith\n%s", err, stderr, example[1])
		}
	}
}
