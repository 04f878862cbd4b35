package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/test/provision"
)

// packaged are the files of both kinds of packages, but for what each puts where
// its system wants it.
var packaged = []string{
	"/etc/kafka-import-bridge/bridge.env",
	"/usr/bin/kafka-import-bridge",
	"/usr/lib/systemd/system/kafka-import-bridge.service",
	"/usr/lib/sysusers.d/kafka-import-bridge.conf",
	"/usr/share/bash-completion/completions/kafka-import-bridge",
	"/usr/share/doc/kafka-import-bridge/README.md",
	"/usr/share/fish/vendor_completions.d/kafka-import-bridge.fish",
	"/usr/share/man/man1/kafka-import-bridge.1.gz",
}

func TestRelease_packagesHoldTheService(t *testing.T) {
	dir := dist(t)
	var release metadata
	readJSON(t, filepath.Join(dir, "metadata.json"), &release)
	for _, processor := range []string{"amd64", "arm64"} {
		name := filepath.Join(dir, project+"_"+release.Version+"_linux_"+processor)
		t.Run("deb "+processor, func(t *testing.T) {
			dpkg := provision.Program(t, "dpkg-deb", "use a Debian system")
			var files []string
			for _, line := range strings.Split(run(t, dpkg, "--contents", name+".deb"), "\n") {
				fields := strings.Fields(line)
				if len(fields) < 6 || strings.HasPrefix(fields[0], "d") {
					continue
				}
				if fields[1] != "root/root" {
					t.Errorf("%s", line)
				}
				files = append(files, strings.TrimPrefix(fields[5], "."))
			}
			want := append(slices.Clone(packaged), "/usr/share/doc/kafka-import-bridge/copyright", "/usr/share/zsh/vendor-completions/_kafka-import-bridge")
			sameFiles(t, files, want)
			if got := strings.TrimSpace(run(t, dpkg, "--info", name+".deb", "conffiles")); got != "/etc/kafka-import-bridge/bridge.env" {
				t.Errorf("configuration that an upgrade keeps: %q", got)
			}
			root := t.TempDir()
			run(t, dpkg, "--extract", name+".deb", root)
			checkInstalled(t, root, "linux_"+processor, release)
			checkScripts(t, func(script string) string { return run(t, dpkg, "--info", name+".deb", script) }, "postinst", "prerm", "postrm")
		})
		t.Run("rpm "+processor, func(t *testing.T) {
			rpm := provision.Program(t, "rpm", "apt-get install rpm")
			files := strings.Fields(run(t, rpm, "-qpl", name+".rpm"))
			sameFiles(t, files, append(slices.Clone(packaged), "/usr/share/licenses/kafka-import-bridge/LICENSE", "/usr/share/zsh/site-functions/_kafka-import-bridge"))
			if got := strings.TrimSpace(run(t, rpm, "-qpc", name+".rpm")); got != "/etc/kafka-import-bridge/bridge.env" {
				t.Errorf("configuration that an upgrade keeps: %q", got)
			}
			scripts := run(t, rpm, "-qp", "--scripts", name+".rpm")
			for _, want := range []string{"systemd-sysusers", "try-restart kafka-import-bridge.service", "disable --now kafka-import-bridge.service"} {
				if !strings.Contains(scripts, want) {
					t.Errorf("the scripts lack %q:\n%s", want, scripts)
				}
			}
		})
	}
}

func sameFiles(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the package holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// checkScripts has a shell read the scripts of a package.
func checkScripts(t *testing.T, script func(string) string, names ...string) {
	t.Helper()
	for _, name := range names {
		cmd := exec.CommandContext(t.Context(), "sh", "-n")
		cmd.Stdin = strings.NewReader(script(name))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// checkInstalled looks at what a package has put below root.
func checkInstalled(t *testing.T, root, platform string, release metadata) {
	t.Helper()
	checkBinary(t, filepath.Join(root, "usr/bin/kafka-import-bridge"), platform, release)
	if info, err := os.Stat(filepath.Join(root, "etc/kafka-import-bridge/bridge.env")); err != nil || info.Mode() != 0o640 {
		t.Errorf("the environment file: %v, %v", info, err)
	}
	page := run(t, "gzip", "-dc", filepath.Join(root, "usr/share/man/man1/kafka-import-bridge.1.gz"))
	if !strings.HasPrefix(page, ".TH KAFKA-IMPORT-BRIDGE 1 \"20") || !strings.Contains(page, "BRIDGE_KAFKA_BROKERS") {
		t.Errorf("the man page begins\n%.200s", page)
	}
	checkUnit(t, root)
}

// checkUnit has systemd judge the unit: that it can be loaded, and how much of
// the system the service is kept from.
func checkUnit(t *testing.T, root string) {
	t.Helper()
	analyze := provision.Program(t, "systemd-analyze", "apt-get install systemd")
	unit := filepath.Join(root, "usr/lib/systemd/system/kafka-import-bridge.service")
	// The program is not installed here, and neither is its man page.
	text := strings.NewReplacer("/usr/bin/kafka-import-bridge", filepath.Join(root, "usr/bin/kafka-import-bridge"), "Documentation=man:", "#").Replace(string(read(t, unit)))
	probe := filepath.Join(t.TempDir(), "kafka-import-bridge.service")
	if err := os.WriteFile(probe, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := run(t, analyze, "verify", "--recursive-errors=no", probe)
	for line := range strings.Lines(out) {
		if strings.Contains(line, "kafka-import-bridge") {
			t.Errorf("systemd-analyze verify says %s", line)
		}
	}
	out = run(t, analyze, "security", "--offline=true", "--threshold=20", probe)
	if level := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out); level == nil {
		t.Errorf("systemd-analyze security says\n%s", out)
	} else {
		t.Logf("exposure level %s of 10", level[1])
	}
}
