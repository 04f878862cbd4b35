package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each alert has a section of the runbook by its name, with the same three
// questions answered, and no section is left of an alert that is gone.
func TestRunbook_hasASectionPerAlert(t *testing.T) {
	alerts := map[string]bool{}
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(read(t, "../charts/kafka-import-bridge/files/alerts.yaml"), -1) {
		alerts[m[1]] = true
	}
	if len(alerts) == 0 {
		t.Fatal("no alerts found")
	}
	found := map[string]bool{}
	for section := range strings.SplitSeq("\n"+read(t, "runbook.md"), "\n## ") {
		name, body, _ := strings.Cut(section, "\n")
		if !strings.HasPrefix(name, "Bridge") {
			continue
		}
		found[name] = true
		if !alerts[name] {
			t.Errorf("the runbook has a section %s, and no such alert is", name)
		}
		for _, part := range []string{"**Meaning.**", "**Look.**", "**Do.**"} {
			if !strings.Contains(body, part) {
				t.Errorf("the section %s lacks %s", name, part)
			}
		}
	}
	for name := range alerts {
		if !found[name] {
			t.Errorf("%s has no section in runbook.md", name)
		}
	}
}

// tests are the names of all tests and fuzz targets.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Each sentence of the guarantees names tests that exist, or says that it has
// none.
func TestGuarantees_nameTestsThatExist(t *testing.T) {
	names := tests(t)
	mention := regexp.MustCompile(`(?:Test|Fuzz)[A-Z]\w+`)
	text := read(t, "guarantees.md")
	for _, name := range mention.FindAllString(text, -1) {
		if !names[name] {
			t.Errorf("guarantees.md names %s, which does not exist", name)
		}
	}
	rows := 0
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		shown := strings.TrimSpace(cells[len(cells)-2])
		if shown == "---" || shown == "shown by" {
			continue
		}
		rows++
		if !mention.MatchString(shown) && shown != "no test" {
			t.Errorf("nothing shows %q", strings.TrimSpace(cells[1]))
		}
	}
	if rows < 20 {
		t.Errorf("only %d sentences found", rows)
	}
}

// The page about clusters names tests that exist, too.
func TestClusters_nameTestsThatExist(t *testing.T) {
	names := tests(t)
	for _, name := range regexp.MustCompile(`(?:Test|Fuzz)[A-Z]\w+`).FindAllString(read(t, "clusters.md"), -1) {
		if !names[name] {
			t.Errorf("clusters.md names %s, which does not exist", name)
		}
	}
}

// Links between documents lead to files and headings that exist.
func TestLinks_leadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	adrs, err := filepath.Glob("adr/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(append(files, adrs...), "../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md", "../SECURITY.md", "../charts/kafka-import-bridge/README.md", "../examples/compose/README.md") {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			path, heading, _ := strings.Cut(m[1], "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
				continue
			}
			if heading != "" && !hasHeading(read(t, target), heading) {
				t.Errorf("%s links to %s, which has no such heading", file, m[1])
			}
		}
	}
}

// hasHeading tells whether a document has the heading behind an anchor, as the
// usual viewers make anchors: lower case, no punctuation, dashes for spaces.
func hasHeading(text, anchor string) bool {
	dropped := regexp.MustCompile(`[^\w\- ]`)
	for line := range strings.SplitSeq(text, "\n") {
		if heading, ok := strings.CutPrefix(line, "#"); ok {
			heading = strings.TrimSpace(strings.TrimLeft(heading, "#"))
			if strings.ReplaceAll(strings.ToLower(dropped.ReplaceAllString(heading, "")), " ", "-") == anchor {
				return true
			}
		}
	}
	return false
}
