package docs

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each decision has its four parts and is in the list.
func TestDecisions_haveTheirParts(t *testing.T) {
	files, err := filepath.Glob("adr/0*.md")
	if err != nil || len(files) < 16 {
		t.Fatalf("decisions = %v, %v", files, err)
	}
	list := read(t, "adr/README.md")
	for _, file := range files {
		text := read(t, file)
		for _, part := range []string{"\n## Context\n", "\n## Decision\n", "\n## Status\n\nAccepted.", "\n## Consequences\n"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q", file, part)
			}
		}
		if !strings.Contains(list, "("+filepath.Base(file)+")") {
			t.Errorf("adr/README.md lacks %s", file)
		}
	}
}

// Each module that go.mod requires by itself has a word in the decision about
// dependencies.
func TestDecisions_nameEachDependency(t *testing.T) {
	_, required, _ := strings.Cut(read(t, "../go.mod"), "require (\n")
	required, _, _ = strings.Cut(required, ")")
	major := regexp.MustCompile(`/v\d+$`)
	dependencies := read(t, "adr/0001-dependencies.md")
	for line := range strings.Lines(required) {
		module, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		name := major.ReplaceAllString(strings.TrimPrefix(module, "github.com/"), "")
		short := name[strings.LastIndex(name, "/")+1:]
		_, ownerless, _ := strings.Cut(name, "/")
		if !strings.Contains(dependencies, name) && !strings.Contains(dependencies, "`"+short+"`") && !strings.Contains(dependencies, "`"+ownerless) {
			t.Errorf("adr/0001-dependencies.md says nothing of %s", module)
		}
	}
}

// Each commit that a measurement names is one of the history, so that it can be
// measured again.
func TestMeasurements_nameCommitsThatExist(t *testing.T) {
	git := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "git", args...).Output()
		if err != nil {
			return "no: " + err.Error()
		}
		return strings.TrimSpace(string(out))
	}
	if git("rev-parse", "--is-shallow-repository") != "false" {
		t.Skip("this is no clone with its history")
	}
	hash := regexp.MustCompile(`\b[0-9a-f]{7,40}\b`)
	for _, document := range documents(t) {
		text := read(t, document)
		if dir := filepath.Base(filepath.Dir(document)); dir != "bench" && dir != "adr" && document != "scaling.md" {
			continue
		}
		for _, name := range hash.FindAllString(text, -1) {
			if !strings.ContainsAny(name, "abcdef") || !strings.ContainsAny(name, "0123456789") {
				continue
			}
			if why := git("merge-base", "--is-ancestor", name, "HEAD"); why != "" {
				t.Errorf("%s names the commit %s, which is none of the history: %s", document, name, why)
			}
		}
	}
}
