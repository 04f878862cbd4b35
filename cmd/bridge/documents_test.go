package main

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documents are those that name commands of the bridge.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "charts/kafka-import-bridge/README.md", "packaging/bridge.env"} {
		files, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			texts[file] = string(text)
		}
	}
	return texts
}

// Every command that a document shows as code exists and has the flags that are given
// to it, and the README has every command.
func TestDocuments_nameCommandsThatExist(t *testing.T) {
	flags := map[string]map[string]bool{}
	for _, c := range commands() {
		set := flag.NewFlagSet(c.Name, flag.ContinueOnError)
		c.prepare(set)
		flags[c.Name] = map[string]bool{}
		set.VisitAll(func(f *flag.Flag) { flags[c.Name][f.Name] = true })
	}
	notCommands := map[string]bool{"stopped": true, "starts": true} // lines of the log
	call := regexp.MustCompile(`(?:^|[\s(])(?:bin/|kafka-import-|/)?bridge ([a-z]+)([^|>&;)]*)`)
	option := regexp.MustCompile(`(?:^|\s)-([a-z][\w-]*)`)
	code := regexp.MustCompile("(?m)`([^`\n]+)`|^    (.+)$")
	for file, text := range documents(t) {
		for _, m := range code.FindAllStringSubmatch(text, -1) {
			line, _, _ := strings.Cut(m[1]+m[2], "# ")
			for _, found := range call.FindAllStringSubmatch(line, -1) {
				known, ok := flags[found[1]]
				if !ok && !notCommands[found[1]] {
					t.Errorf("%s: %q is no command of the bridge", file, found[0])
				}
				for _, name := range option.FindAllStringSubmatch(found[2], -1) {
					if ok && !known[name[1]] {
						t.Errorf("%s: bridge %s has no flag -%s", file, found[1], name[1])
					}
				}
			}
		}
	}
	readme := documents(t)[filepath.Join("..", "..", "README.md")]
	for name := range flags {
		if !strings.Contains(readme, "`bridge "+name) {
			t.Errorf("README.md does not have bridge %s", name)
		}
	}
}
