package admin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The accessibility checker, pinned by version and content.
const (
	axeVersion = "4.14.1"
	axeSHA512  = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
)

// axeSource returns axe-core's script. npm fetches the package once into the
// user's cache; without npm and without the cache the test is skipped, except
// where CI=true.
func axeSource(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "kafka-import-bridge")
	pack := filepath.Join(dir, "axe-core-"+axeVersion+".tgz")
	if _, err := os.Stat(pack); errors.Is(err, os.ErrNotExist) {
		if err := fetchAxe(t, dir); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("fetch axe-core: %v", err)
			}
			t.Skipf("SKIPPED, ACCESSIBILITY IS NOT TESTED: fetch axe-core: %v", err)
		}
	}
	raw, err := os.ReadFile(pack)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha512.Sum512(raw); base64.StdEncoding.EncodeToString(sum[:]) != axeSHA512 {
		t.Fatalf("%s is not the pinned package (sha512 %s)", pack, base64.StdEncoding.EncodeToString(sum[:]))
	}
	return fileInPack(t, raw, "package/axe.min.js")
}

func fetchAxe(t *testing.T, dir string) error {
	t.Helper()
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	cmd := exec.CommandContext(t.Context(), "npm", "pack", "--silent", "axe-core@"+axeVersion)
	cmd.Dir = dir
	return cmd.Run()
}

func fileInPack(t *testing.T, pack []byte, name string) string {
	t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(pack))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if err != nil {
			t.Fatalf("find %s: %v", name, err)
		}
		if header.Name == name {
			text, err := io.ReadAll(files)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
}

type violation struct {
	ID    string
	Help  string
	Nodes []struct {
		HTML           string
		FailureSummary string
	}
}

// violations runs every rule of axe-core but the ones that ask for a person.
func (b *browser) violations(axe string) []violation {
	b.t.Helper()
	b.eval(axe+"\n;0", nil)
	var found []violation
	b.eval("axe.run(document).then(r => r.violations)", &found)
	return found
}
