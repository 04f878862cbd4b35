package image

import (
	"context"
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/test/provision"
)

const (
	version  = "1.2.3-test"
	revision = "0123abcd"
)

// needBuildah skips the test where no image can be built, and fails it if CI=true.
func needBuildah(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("images are built on Linux")
	}
	provision.Program(t, "buildah", "apt-get install buildah")
}

// storage is a place of buildah's own for one test.
type storage struct {
	t     *testing.T
	flags []string
}

func newStorage(t *testing.T) storage {
	dir := t.TempDir()
	return storage{t, []string{"--storage-driver", "vfs", "--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run")}}
}

func (s storage) try(ctx context.Context, args ...string) (string, error) {
	var errs strings.Builder
	cmd := exec.CommandContext(ctx, "buildah", append(s.flags, args...)...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		s.t.Logf("buildah %s: %s", strings.Join(args, " "), errs.String())
	}
	return strings.TrimSpace(string(out)), err
}

func (s storage) buildah(args ...string) string {
	s.t.Helper()
	out, err := s.try(s.t.Context(), args...)
	if err != nil {
		s.t.Fatalf("buildah %s: %v", args[0], err)
	}
	return out
}

// compile builds the static binary as the Makefile does.
func compile(t *testing.T, file string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags",
		"-s -w -X main.version="+version+" -X main.revision="+revision, "-o", file, "../../cmd/bridge")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// TestImage builds the image around a fresh binary, and finds in it nothing but
// that binary, static, not run by root, labelled, and able to run.
func TestImage(t *testing.T) {
	needBuildah(t)
	dir := t.TempDir()
	binary := filepath.Join(dir, "bridge")
	compile(t, binary)
	s := newStorage(t)
	s.buildah("build", "--isolation", "chroot", "-f", "../../Dockerfile.binary", "-t", "bridge:test",
		"--build-arg", "BINARY=bridge", "--build-arg", "VERSION="+version, "--build-arg", "REVISION="+revision, dir)
	s.checkImage("bridge:test")
}

// checkImage looks at an image's settings and files, and runs it.
func (s storage) checkImage(name string) {
	s.t.Helper()
	checkConfig(s.t, s.buildah("inspect", "--type", "image", name))
	container := s.buildah("from", name)
	root := s.buildah("mount", container)
	s.t.Cleanup(func() { _, _ = s.try(context.Background(), "umount", container) })
	checkFiles(s.t, root)
	checkStatic(s.t, filepath.Join(root, "bridge"))
	// That it runs is told by the exit code; buildah loses the output at times.
	s.buildah("run", "--isolation", "chroot", container, "--", "/bridge", "version")
	got := command(s.t, filepath.Join(root, "bridge"), "version")
	if want := "bridge " + version + " (revision " + revision + ","; !strings.HasPrefix(got, want) {
		s.t.Errorf("bridge version says %q, want %q", got, want)
	}
}

// checkStatic requires a binary that no loader is needed for, with roots inside.
func checkStatic(t *testing.T, file string) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("the binary needs a dynamic loader")
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), "ISRG Root X1") {
		t.Error("the binary holds no root certificates")
	}
}

func checkConfig(t *testing.T, inspected string) {
	t.Helper()
	var image struct {
		OCIv1 struct {
			Config struct {
				User, StopSignal string
				ExposedPorts     map[string]any
				Entrypoint, Cmd  []string
				Labels           map[string]string
			} `json:"config"`
		}
	}
	if err := json.Unmarshal([]byte(inspected), &image); err != nil {
		t.Fatal(err)
	}
	c := image.OCIv1.Config
	if c.User != "65532:65532" || c.StopSignal != "SIGTERM" {
		t.Errorf("user %q, stop signal %q", c.User, c.StopSignal)
	}
	if !slices.Equal(c.Entrypoint, []string{"/bridge"}) || !slices.Equal(c.Cmd, []string{"run"}) || c.ExposedPorts["8080"] == nil && c.ExposedPorts["8080/tcp"] == nil {
		t.Errorf("entry point %q, command %q, ports %v", c.Entrypoint, c.Cmd, c.ExposedPorts)
	}
	for label, want := range map[string]string{"title": "kafka-import-bridge", "version": version, "revision": revision, "licenses": "Apache-2.0"} {
		if got := c.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
}

// checkFiles requires one file, which nobody may write.
func checkFiles(t *testing.T, root string) {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files = append(files, strings.TrimPrefix(path, root))
		if info, err := d.Info(); err != nil || info.Mode() != 0o555 {
			t.Errorf("%s has the mode %v, want 0555", path, info.Mode())
		}
		return err
	})
	if err != nil || !slices.Equal(files, []string{"/bridge"}) {
		t.Errorf("the image holds %v, %v", files, err)
	}
}

// The image that is built from source is the same one but for how the binary
// gets into it.
func TestDockerfiles_makeTheSameImage(t *testing.T) {
	source, packed := finalStage(t, "../../Dockerfile"), finalStage(t, "../../Dockerfile.binary")
	if source == "" || source != packed {
		t.Errorf("the last stages differ:\n%s\n---\n%s", source, packed)
	}
}

func finalStage(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, stage, _ := strings.Cut(string(text), "\nFROM scratch\n")
	lines := slices.DeleteFunc(strings.Split(stage, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "COPY ") || strings.HasPrefix(line, "ARG BINARY") || strings.HasPrefix(line, "ARG TARGETPLATFORM")
	})
	return strings.Join(lines, "\n")
}
