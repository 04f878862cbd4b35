package docs

import (
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

// tests are the names of all tests, fuzz targets and benchmarks, with the folders that
// have one of that name.
func tests(t *testing.T) map[string][]string {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	names := map[string][]string{}
	for _, file := range sourceFiles(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range declared.FindAllStringSubmatch(read(t, filepath.Join("..", file)), -1) {
			names[m[1]] = append(names[m[1]], filepath.ToSlash(filepath.Dir(file)))
		}
	}
	return names
}

// Each sentence of the guarantees names a test, or says that it has none.
func TestGuarantees_nameTests(t *testing.T) {
	rows := 0
	for line := range strings.SplitSeq(read(t, "guarantees.md"), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			continue
		}
		shown := strings.TrimSpace(cells[len(cells)-2])
		if shown == "---" || shown == "shown by" {
			continue
		}
		rows++
		if !testName.MatchString(shown) && shown != "no test" {
			t.Errorf("nothing shows %q", strings.TrimSpace(cells[1]))
		}
	}
	if rows < 20 {
		t.Errorf("only %d sentences found", rows)
	}
}

// Links between documents lead to files and headings that exist.
func TestLinks_leadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, file := range documents(t) {
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
