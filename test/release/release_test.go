package release

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const project = "kafka-import-bridge"

// dist is the folder that goreleaser has written.
func dist(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("RELEASE_DIST")
	if dir == "" {
		t.Skip("RELEASE_DIST is not set: make release-snapshot sets it")
	}
	return dir
}

// metadata is what goreleaser says of the release.
type metadata struct {
	Version string
	Commit  string
	Date    time.Time
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	if err := json.Unmarshal(read(t, file), into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

var platforms = []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64"}

func TestRelease(t *testing.T) {
	dir := dist(t)
	var release metadata
	readJSON(t, filepath.Join(dir, "metadata.json"), &release)
	sums := checksums(t, filepath.Join(dir, project+"_"+release.Version+"_checksums.txt"))
	for _, platform := range platforms {
		name := project + "_" + release.Version + "_" + platform
		archive, binary := name+".tar.gz", "bridge"
		if strings.HasPrefix(platform, "windows") {
			archive, binary = name+".zip", "bridge.exe"
		}
		t.Run(platform, func(t *testing.T) {
			checkSums(t, dir, sums, archive, name+".cdx.json")
			checkBill(t, filepath.Join(dir, name+".cdx.json"), release)
			root := unpack(t, filepath.Join(dir, archive), name)
			checkBinary(t, filepath.Join(root, binary), platform, release)
			for file, want := range map[string]string{
				"LICENSE": "Apache License", "README.md": "# ", "SECURITY.md": "# Security", "CHANGELOG.md": "# ", "docs/runbook.md": "# Runbook",
				"examples/env/kafka.env": "BRIDGE_KAFKA_BROKERS=", "man/bridge.1": ".TH BRIDGE 1 ", "completions/bridge.bash": "complete -F _bridge bridge",
			} {
				if got := string(read(t, filepath.Join(root, file))); !strings.Contains(got, want) {
					t.Errorf("%s lacks %q", file, want)
				}
			}
		})
	}
	for _, processor := range []string{"amd64", "arm64"} {
		name := project + "_" + release.Version + "_linux_" + processor
		checkSums(t, dir, sums, name+".deb", name+".rpm")
	}
	if len(sums) > 0 {
		t.Errorf("checksums of files that nobody expects: %v", sums)
	}
}

// checkSums compares files with their sums, which it takes away.
func checkSums(t *testing.T, dir string, sums map[string]string, files ...string) {
	t.Helper()
	for _, file := range files {
		sum := sha256.Sum256(read(t, filepath.Join(dir, file)))
		if got := hex.EncodeToString(sum[:]); sums[file] != got {
			t.Errorf("%s has the checksum %s, listed is %q", file, got, sums[file])
		}
		delete(sums, file)
	}
}

// checksums are the hexadecimal sums by file.
func checksums(t *testing.T, file string) map[string]string {
	t.Helper()
	sums := map[string]string{}
	for line := range strings.Lines(string(read(t, file))) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Errorf("%s: %q", file, line)
		}
		sums[name] = sum
	}
	return sums
}

// checkBinary reads how a binary was built, and runs that of this machine.
func checkBinary(t *testing.T, file, platform string, release metadata) {
	t.Helper()
	system, processor, _ := strings.Cut(platform, "_")
	built := run(t, "go", "version", "-m", file)
	for _, want := range []string{"GOOS=" + system, "GOARCH=" + processor, "CGO_ENABLED=0", "-trimpath=true"} {
		if !strings.Contains(built, want) {
			t.Errorf("it was not built with %s:\n%s", want, built)
		}
	}
	for _, stamp := range []string{release.Version, release.Commit} {
		if !strings.Contains(string(read(t, file)), stamp) {
			t.Errorf("it does not hold %s", stamp)
		}
	}
	if system != runtime.GOOS || processor != runtime.GOARCH {
		return
	}
	want := "bridge " + release.Version + " (revision " + release.Commit + ", "
	if got := run(t, file, "version"); !strings.HasPrefix(got, want) {
		t.Errorf("bridge version says %q, want %q", got, want)
	}
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// bill is the part of a CycloneDX document that is looked at.
type bill struct {
	BOMFormat string `json:"bomFormat"`
	Metadata  struct {
		Component component
	}
	Components []component
}

type component struct{ Name, Version, PURL string }

// checkBill requires the modules that are linked, with versions, and none that
// only tests and the sandbox need.
func checkBill(t *testing.T, file string, release metadata) {
	t.Helper()
	var document bill
	readJSON(t, file, &document)
	if document.BOMFormat != "CycloneDX" || document.Metadata.Component.Name != project || document.Metadata.Component.Version != "v"+release.Version {
		t.Errorf("it is a %s of %+v", document.BOMFormat, document.Metadata.Component)
	}
	var names []string
	for _, c := range document.Components {
		names = append(names, c.Name)
		if c.Version == "" || !strings.HasPrefix(c.PURL, "pkg:golang/") {
			t.Errorf("%s has the version %q and the URL %q", c.Name, c.Version, c.PURL)
		}
	}
	for _, want := range []string{"std", "github.com/segmentio/kafka-go", "github.com/prometheus/client_golang", "golang.org/x/crypto/x509roots/fallback"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, name := range names {
		if regexp.MustCompile(`franz-go|kfake|goleak|go-internal|sandbox`).MatchString(name) {
			t.Errorf("%s has no place in a release", name)
		}
	}
}
