package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
)

// shown is a file that a document shows: a comment that names it, and the fence
// that holds its text.
var shown = regexp.MustCompile("(?s)<!-- file: (\\S+) -->\n(```\\w*\n)(.*?)(```\n)")

// What a document shows of a file is the file, so that what is tested is what
// readers copy. -update writes it.
func TestExamples_areTheFiles(t *testing.T) {
	const document = "quickstart.md"
	text := read(t, document)
	files := 0
	want := shown.ReplaceAllStringFunc(text, func(block string) string {
		part := shown.FindStringSubmatch(block)
		files++
		return "<!-- file: " + part[1] + " -->\n" + part[2] + read(t, part[1]) + part[4]
	})
	if files < 9 {
		t.Errorf("%s shows only %d files", document, files)
	}
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Errorf("%s shows other texts than the files hold: run make generate", document)
	}
}

// The bridge starts with each file of variables. Those that it names are files
// of the reader; here they are the test's.
func TestExamples_ofVariablesAreAccepted(t *testing.T) {
	files, err := filepath.Glob("../examples/env/*.env")
	if err != nil || len(files) < 4 {
		t.Fatalf("files = %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var environ []string
			for line := range strings.Lines(read(t, file)) {
				line = strings.TrimSuffix(line, "\n")
				if line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				name, value, ok := strings.Cut(line, "=")
				if !ok || strings.ContainsAny(value, "\"'$ ") {
					t.Errorf("%q is not read alike by a shell, Docker and systemd", line)
				}
				switch {
				case strings.HasSuffix(name, "_CA_FILE"):
					continue // must hold certificates
				case strings.HasSuffix(name, "_FILE"):
					value = filepath.Join(t.TempDir(), "secret")
					if err := os.WriteFile(value, []byte("not-a-real-secret"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				environ = append(environ, name+"="+value)
			}
			if _, err := config.Load(environ, 0); err != nil {
				t.Error(err)
			}
		})
	}
}
