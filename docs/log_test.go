package docs

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// production is the text of all files of Go that the bridge may be built of.
func production(t *testing.T) string {
	t.Helper()
	var code strings.Builder
	for _, file := range sourceFiles(t) {
		inside := strings.HasPrefix(file, "internal/") && !strings.HasPrefix(file, "internal/sandbox/") || strings.HasPrefix(file, "cmd/bridge/")
		if inside && strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			code.WriteString(read(t, "../"+file))
		}
	}
	return code.String()
}

// knownLines are the beginnings of the lines of the log in the table for operators.
func knownLines(t *testing.T) (lines []string) {
	t.Helper()
	_, table, _ := strings.Cut(read(t, "operating.md"), "## Log lines to know")
	for row := range strings.Lines(table) {
		if cells := strings.Split(row, "|"); len(cells) > 2 {
			lines = append(lines, codeOf(cells[1])...)
		}
	}
	if len(lines) < 30 {
		t.Errorf("only %d lines found", len(lines))
	}
	return lines
}

// Every line of the log that operators are told to look for is one that the bridge
// writes.
func TestLog_linesThatAreNamedAreWritten(t *testing.T) {
	code, lines := production(t), knownLines(t)
	named := regexp.MustCompile("(?:log|error) lines? (?:`[^`]+`(?:, | and )?)+")
	for _, document := range []string{"operating.md", "runbook.md", "faq.md", "guarantees.md", "clusters.md"} {
		for _, text := range named.FindAllString(read(t, document), -1) {
			lines = append(lines, codeOf(text)...)
		}
	}
	for _, line := range lines {
		if !strings.Contains(code, `"`+line) && !strings.Contains(code, line+`"`) {
			t.Errorf("no log line is %q", line)
		}
	}
}

// Every error and every warning that the bridge logs is in the table for operators.
func TestLog_errorsAndWarningsAreInTheTable(t *testing.T) {
	code, lines := production(t), knownLines(t)
	for _, call := range []string{`(?:[lL]og|[lL]ogger|\))\.Error\(`, `\.Warn\(`, `[fF]aults\.Log\([\w.()]+, `} {
		logged := regexp.MustCompile(call+`"([^"]+)"`).FindAllStringSubmatch(code, -1)
		if len(logged) < 10 {
			t.Errorf("only %d lines found of %s", len(logged), call)
		}
		for _, m := range logged {
			if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(m[1], line) }) {
				t.Errorf("the table of log lines in operating.md lacks %q", m[1])
			}
		}
	}
}
