package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestImage_fromSource builds Dockerfile as it stands, where no image can be
// pulled: the toolchain's image is one with a shell, to which this machine's
// toolchain and module cache are mounted.
func TestImage_fromSource(t *testing.T) {
	needBuildah(t)
	command(t, "go", "mod", "download") // the build below has no network
	goroot, modules, cache := goEnv(t, "GOROOT"), goEnv(t, "GOMODCACHE"), goEnv(t, "GOCACHE")
	s := newStorage(t)
	s.buildah("build", "--isolation", "chroot", "-t", "localhost/toolchain", shellImage(t))
	s.buildah("build", "--isolation", "chroot", "-f", "../../Dockerfile", "-t", "bridge:test",
		"--volume", goroot+":/usr/local/go:ro", "--volume", modules+":/go/pkg/mod:ro", "--volume", cache+":/cache",
		"--build-arg", "GO_IMAGE=localhost/toolchain", "--build-arg", "VERSION="+version, "--build-arg", "REVISION="+revision, "../..")
	s.checkImage("bridge:test")
}

// shellImage is a build context for an image that holds a shell alone, and says
// where the toolchain will be.
func shellImage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	file := "FROM scratch\nWORKDIR /tmp\nENV PATH=/usr/local/go/bin:/bin GOPATH=/go GOCACHE=/cache GOPROXY=off GOTOOLCHAIN=local\n"
	libraries := regexp.MustCompile(`/\S+`).FindAllString(command(t, "ldd", shell), -1)
	for i, from := range append(libraries, shell) {
		to := from
		if i == len(libraries) {
			to = "/bin/sh"
		}
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(to)
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
		file += "COPY " + name + " " + to + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "Containerfile"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return command(t, "go", "env", name)
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
