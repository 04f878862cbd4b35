package release

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// entry is a file in an archive.
type entry struct {
	name     string
	mode     os.FileMode
	modified time.Time
	content  io.Reader
}

// unpack returns the folder that an archive holds. Each file has the mode that it
// needs and the same time, so that equal commits make equal archives.
func unpack(t *testing.T, file, folder string) string {
	t.Helper()
	dir := t.TempDir()
	modified := map[time.Time]bool{}
	each := eachOfTar
	if strings.HasSuffix(file, ".zip") {
		each = eachOfZip
	}
	each(t, file, func(e entry) {
		modified[e.modified.UTC()] = true
		mode := os.FileMode(0o644)
		if strings.HasPrefix(filepath.Base(e.name), "bridge") && filepath.Dir(e.name) == folder {
			mode = 0o755
		}
		if e.mode != mode || !filepath.IsLocal(e.name) || !strings.HasPrefix(e.name, folder+"/") {
			t.Errorf("%s has the mode %v", e.name, e.mode)
			return
		}
		content, err := io.ReadAll(e.content)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, e.name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, mode); err != nil {
			t.Fatal(err)
		}
	})
	if len(modified) != 1 {
		t.Errorf("the files have the times %v, want that of the commit", modified)
	}
	return filepath.Join(dir, folder)
}

func eachOfTar(t *testing.T, file string, see func(entry)) {
	t.Helper()
	archive, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	inflated, err := gzip.NewReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	for entries := tar.NewReader(inflated); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if header.Uname != "root" || header.Gname != "root" {
			t.Errorf("%s belongs to %s:%s", header.Name, header.Uname, header.Gname)
		}
		see(entry{header.Name, header.FileInfo().Mode(), header.ModTime, entries})
	}
}

func eachOfZip(t *testing.T, file string, see func(entry)) {
	t.Helper()
	archive, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	for _, f := range archive.File {
		content, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		see(entry{f.Name, f.Mode(), f.Modified, content})
		_ = content.Close()
	}
}
