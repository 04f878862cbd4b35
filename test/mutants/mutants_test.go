package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The list stays true to the code: each old text occurs once, each new one
// parses, each test exists.
func TestList_isUpToDate(t *testing.T) {
	const root = "../.."
	tests := map[string][]string{}
	names := map[string]bool{}
	for _, m := range list() {
		id := m.in + ": " + m.name
		if names[id] || m.name == "" {
			t.Errorf("%s: the name is empty or taken", id)
		}
		names[id] = true
		if (m.by == "") == (m.nothing == "") {
			t.Errorf("%s: want either the tests that fail or why it changes nothing", id)
		}
		at, text, err := m.mutate(root)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if file, err := parser.ParseFile(token.NewFileSet(), at, text, parser.SkipObjectResolution); err != nil {
			t.Errorf("%s: the changed file does not parse: %v", id, err)
		} else if name := unused(file, text); name != "" {
			t.Errorf("%s: the changed file does not use %s any more", id, name)
		}
		if m.old == m.new {
			t.Errorf("%s: old and new are the same", id)
		}
		for dir, killers := range m.killers() {
			if tests[dir] == nil {
				if tests[dir], err = testsIn(root, dir); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range killers {
				if !slices.Contains(tests[dir], name) {
					t.Errorf("%s: there is no %s in %s", id, name, dir)
				}
			}
		}
	}
}

// unused returns an import that the file does not use, else "".
func unused(file *ast.File, text []byte) string {
	for _, i := range file.Imports {
		name := strings.Trim(i.Path.Value, `"`)
		if base := path.Base(name); regexp.MustCompile(`^v\d+$`).MatchString(base) {
			name = path.Dir(name)
		}
		if name = path.Base(name); i.Name == nil && !strings.ContainsAny(name, "-.") && !bytes.Contains(text, []byte(name+".")) {
			return name
		}
	}
	return ""
}

// TestPlay plays mutants of a module of its own.
func TestPlay(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":          "module example.com/m\n\ngo 1.26\n",
		"p/add.go":        "package p\n\nfunc add(a, b int) int { return a + b }\n\nfunc unused() int { return 1 }\n",
		"p/add_test.go":   "package p\n\nimport \"testing\"\n\nfunc TestAdd(t *testing.T) {\n\tif add(2, 1) != 3 {\n\t\tt.Fail()\n\t}\n}\n\nfunc TestOther(*testing.T) {}\n",
		"q/other_test.go": "package q\n\nimport \"testing\"\n\nfunc TestQ(*testing.T) {}\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		mutant
		want verdict
	}{
		{mutant{name: "a test fails", old: "a + b", new: "a - b", by: "TestAdd"}, killed},
		{mutant{name: "one of two fails", old: "a + b", new: "a - b", by: "q.TestQ TestAdd"}, killed},
		{mutant{name: "the wrong tests", old: "a + b", new: "a - b", by: "TestOther q.TestQ"}, survived},
		{mutant{name: "no change", old: "return 1", new: "return 2", nothing: "nobody calls it"}, harmless},
		{mutant{name: "a change after all", old: "a + b", new: "a - b", nothing: "an error"}, harmful},
		{mutant{name: "no Go", old: "a + b", new: "a + c", by: "TestAdd"}, broken},
		{mutant{name: "no Go and no change", old: "a + b", new: "a + c", nothing: "an error"}, broken},
		{mutant{name: "no such test", old: "a + b", new: "a - b", by: "TestGone"}, broken},
		{mutant{name: "no such text", old: "a * b", new: "a - b", by: "TestAdd"}, broken},
		{mutant{name: "twice", old: "int", new: "uint", by: "TestAdd"}, broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.in = "p"
			if v, out := play(t.Context(), root, &tc.mutant); v != tc.want {
				t.Errorf("%s, want %s:\n%s", v, tc.want, out)
			}
		})
	}
	var out bytes.Buffer
	if playAll(t.Context(), root, []mutant{{name: "x", in: "p", old: "a + b", new: "a - b", by: "TestOther"}}, regexp.MustCompile(""), false, &out) {
		t.Errorf("a survivor is no failure:\n%s", out.String())
	}
}
