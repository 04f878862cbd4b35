package charts

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// metadata is what concerns us of a Chart.yaml.
type metadata struct {
	Version     string
	AppVersion  string `yaml:"appVersion"`
	Home, Icon  string
	Sources     []string
	Maintainers []struct{ Name string }
	Annotations map[string]string
}

func readMetadata(t *testing.T, text []byte) (m metadata) {
	t.Helper()
	if err := yaml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestChart_iconIsItsFile(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(chart, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	svg, err := os.ReadFile(filepath.Join(chart, "icon.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg); readMetadata(t, text).Icon != want {
		t.Errorf("Chart.yaml has another icon than icon.svg: want %s", want)
	}
}

// What a release packages is this chart with the release's version, and with
// where image and project are.
func TestChart_packageIsStamped(t *testing.T) {
	if testing.Short() {
		t.Skip("runs make")
	}
	const repository, source = "registry.example.org/team/bridge", "https://git.example.org/team/bridge"
	cmd := exec.CommandContext(t.Context(), "make", "-C", "..", "chart-package", "VERSION=9.8.7", "IMAGE_REPOSITORY="+repository, "SOURCE_URL="+source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make chart-package: %v\n%s", err, out)
	}
	archive := filepath.Join("..", "bin", "chart", "kafka-import-bridge-9.8.7.tgz")
	m := readMetadata(t, []byte(command(t, "helm", "show", "chart", archive)))
	if m.Version != "9.8.7" || m.AppVersion != "9.8.7" || m.Home != source || len(m.Sources) != 1 || m.Sources[0] != source || len(m.Maintainers) != 1 {
		t.Errorf("the package is %+v", m)
	}
	var images []struct{ Image string }
	if err := yaml.Unmarshal([]byte(m.Annotations["artifacthub.io/images"]), &images); err != nil || len(images) != 1 || images[0].Image != repository+":9.8.7" {
		t.Errorf("its images are %v, %v", images, err)
	}
	for _, list := range []string{"links", "changes"} {
		var entries []map[string]string
		if err := yaml.Unmarshal([]byte(m.Annotations["artifacthub.io/"+list]), &entries); err != nil || len(entries) == 0 {
			t.Errorf("artifacthub.io/%s: %v, %v", list, entries, err)
		}
	}
	out, stderr, err := helm(t, "template", "import", archive, "-f", filepath.Join(chart, "ci", "minimal-values.yaml"))
	if err != nil || !strings.Contains(out, `image: "`+repository+`:9.8.7"`) {
		t.Errorf("it renders %v\n%s%s", err, stderr, out)
	}
	files := command(t, "tar", "-tzf", archive)
	for _, want := range []string{"kafka-import-bridge/LICENSE", "kafka-import-bridge/values.schema.json", "kafka-import-bridge/files/alerts.yaml", "kafka-import-bridge/README.md"} {
		if !strings.Contains(files, want) {
			t.Errorf("the package lacks %s", want)
		}
	}
	if strings.Contains(files, "/ci/") || strings.Contains(files, "_test.yaml") {
		t.Errorf("the package holds tests:\n%s", files)
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}
