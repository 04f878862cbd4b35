package docs

import (
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module     = "kafka-import-bridge/"
	roomsBegin = "<!-- rooms:begin -->\n"
	roomsEnd   = "<!-- rooms:end -->\n"
)

// imports returns which rooms each package of the bridge and of the sandbox imports, by
// their folders.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string]map[string]bool{}
	for _, file := range sourceFiles(t) {
		folder := filepath.ToSlash(filepath.Dir(file))
		room := strings.HasPrefix(file, "internal/") || strings.HasPrefix(file, "cmd/")
		if !room || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/testdata/") {
			continue
		}
		if found[folder] == nil {
			found[folder] = map[string]bool{}
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if below, ok := strings.CutPrefix(path, module+"internal/"); ok {
				found[folder][strings.TrimPrefix(below, "consumer/")] = true
			}
		}
	}
	sorted := map[string][]string{}
	for folder, names := range found {
		sorted[folder] = slices.Sorted(maps.Keys(names))
	}
	return sorted
}

// The table of rooms has each package once, with the rooms that it imports. -update
// writes the latter.
func TestArchitecture_roomsAreThose(t *testing.T) {
	const document = "architecture.md"
	text := read(t, document)
	before, rest, ok := strings.Cut(text, roomsBegin)
	table, after, ended := strings.Cut(rest, roomsEnd)
	if !ok || !ended {
		t.Fatal("the table of rooms is not marked")
	}
	rooms := imports(t)
	var want strings.Builder
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		name := ""
		if m := span.FindStringSubmatch(cells[1]); m != nil {
			name = m[1]
		}
		uses, known := rooms[name]
		delete(rooms, name)
		switch {
		case name == "":
		case !known:
			t.Errorf("%s lists %s, which is no package", document, name)
		case len(uses) == 0:
			cells[3] = " "
		default:
			cells[3] = " `" + strings.Join(uses, "`, `") + "` "
		}
		want.WriteString(strings.Join(cells, "|"))
	}
	for name := range rooms {
		t.Errorf("%s does not list %s", document, name)
	}
	switch written := before + roomsBegin + want.String() + roomsEnd + after; {
	case written == text:
	case *update:
		if err := os.WriteFile(document, []byte(written), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s says otherwise which rooms import which: run make generate", document)
	}
}

// Where a package comment says that only some packages import the room, no other one of
// the bridge does.
func TestArchitecture_commentsNameTheImporters(t *testing.T) {
	only := regexp.MustCompile(`[Oo]nly ([^.;:]+?) imports? (?:it|this package)\b`)
	importers := map[string][]string{}
	for folder, names := range imports(t) {
		for _, name := range names {
			importers[name] = append(importers[name], strings.TrimPrefix(strings.TrimPrefix(folder, "internal/"), "consumer/"))
		}
	}
	found := 0
	for _, file := range sourceFiles(t) {
		room, ok := strings.CutPrefix(filepath.ToSlash(filepath.Dir(file)), "internal/")
		if !ok || filepath.Base(file) != "doc.go" {
			continue
		}
		comment := strings.Join(strings.Fields(strings.ReplaceAll(read(t, "../"+file), "\n//", " ")), " ")
		for _, m := range only.FindAllStringSubmatch(comment, -1) {
			found++
			for _, name := range importers[strings.TrimPrefix(room, "consumer/")] {
				if !slices.Contains(strings.FieldsFunc(m[1], func(r rune) bool { return r == ' ' || r == ',' }), name) {
					t.Errorf("%s says that only %s imports it; %s does", file, m[1], name)
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d comments found", found)
	}
}

// Each function, method and type that the documents for developers name is declared.
func TestArchitecture_namesWhatIsDeclared(t *testing.T) {
	var code strings.Builder
	for _, file := range sourceFiles(t) {
		if strings.HasSuffix(file, ".go") {
			code.WriteString(read(t, "../"+file))
		}
	}
	qualified := regexp.MustCompile(`^[A-Za-z]\w*\.([A-Z][a-z]\w*)(?:\(\))?$`)
	declared := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(?:func (?:\([^)]*\) )?|type |\t)([A-Z]\w+)`).FindAllStringSubmatch(code.String(), -1) {
		declared[m[1]] = true
	}
	decisions, err := filepath.Glob("adr/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, document := range append(decisions, "architecture.md", "../CONTRIBUTING.md") {
		for _, s := range span.FindAllStringSubmatch(read(t, document), -1) {
			m := qualified.FindStringSubmatch(s[1])
			if m == nil {
				continue
			}
			if found++; !declared[m[1]] {
				t.Errorf("%s names %s, which is not declared", document, s[1])
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d names found", found)
	}
}
