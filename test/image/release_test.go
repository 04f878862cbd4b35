package image

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestImage_ofARelease packs the binaries that goreleaser has built into one
// manifest for both processors, as the release workflow does with Docker.
func TestImage_ofARelease(t *testing.T) {
	dist := os.Getenv("RELEASE_DIST")
	if dist == "" {
		t.Skip("RELEASE_DIST is not set: make release-snapshot sets it")
	}
	needBuildah(t)
	dir := t.TempDir()
	for processor, built := range map[string]string{"amd64": "bridge_linux_amd64_v1", "arm64": "bridge_linux_arm64_v8.0"} {
		copyFile(t, filepath.Join(dist, built, "bridge"), filepath.Join(dir, "linux", processor, "bridge"))
	}
	const created, source = "2026-11-29T20:00:00Z", "https://git.example.com/bridge"
	s := newStorage(t)
	s.buildah("build", "--isolation", "chroot", "-f", "../../Dockerfile.binary", "--platform", "linux/amd64,linux/arm64", "--manifest", "bridge:release",
		"--build-arg", "VERSION="+version, "--build-arg", "REVISION="+revision, "--build-arg", "CREATED="+created, "--build-arg", "SOURCE="+source, dir)
	var index struct {
		Manifests []struct {
			Digest   string
			Platform struct{ OS, Architecture string }
		}
	}
	if err := json.Unmarshal([]byte(s.buildah("manifest", "inspect", "bridge:release")), &index); err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range index.Manifests {
		platforms = append(platforms, m.Platform.OS+"/"+m.Platform.Architecture)
		inspected := s.buildah("inspect", "--type", "image", "localhost/bridge@"+m.Digest)
		checkConfig(t, inspected)
		for _, want := range []string{`"org.opencontainers.image.created": "` + created, `"org.opencontainers.image.source": "` + source, `"org.opencontainers.image.vendor": "kafka-import-bridge"`, `"org.opencontainers.image.description": "Imports`} {
			if !strings.Contains(inspected, want) {
				t.Errorf("the image of %s lacks the label %s", m.Platform.Architecture, want)
			}
		}
	}
	slices.Sort(platforms)
	if !slices.Equal(platforms, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("the manifest is for %v", platforms)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
}
