package kube

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kafka-import-bridge/test/provision"
)

// version is that of Kubernetes in kubernetes/go.mod.
const version = "v1.37.2"

var build = flag.Bool("build", false, "build Kubernetes if it is not in the cache yet, which takes minutes")

// kubernetes is the folder of kube-apiserver and kube-controller-manager.
func kubernetes(t *testing.T) string {
	t.Helper()
	const folder = "kubernetes-" + version
	if *build {
		return provision.Folder(t, folder, compile)
	}
	return provision.Existing(t, folder, "make kube builds it, which takes minutes")
}

// compile builds the tools of the wrapper module. They are stamped as Kubernetes
// stamps its releases, since helm compares the API server's version with the
// chart's.
func compile(ctx context.Context, dir string) error {
	numbers := strings.Split(strings.TrimPrefix(version, "v"), ".")
	const stamp = " -X k8s.io/component-base/version."
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w"+
		stamp+"gitVersion="+version+stamp+"gitMajor="+numbers[0]+stamp+"gitMinor="+numbers[1],
		"-o", dir, "tool")
	cmd.Dir = "kubernetes"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build Kubernetes %s (its modules are downloaded first): %w\n%s", version, err, out)
	}
	return nil
}

func TestPrograms_areOfTheVersionThatTheModuleNames(t *testing.T) {
	dir := kubernetes(t)
	text, err := os.ReadFile(filepath.Join("kubernetes", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "k8s.io/kubernetes "+version+" ") {
		t.Errorf("kubernetes/go.mod does not require %s", version)
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager"} {
		out, err := exec.CommandContext(t.Context(), filepath.Join(dir, name), "--version").Output()
		if got := strings.TrimSpace(string(out)); err != nil || got != "Kubernetes "+version {
			t.Errorf("%s says %q, %v", name, got, err)
		}
	}
}
