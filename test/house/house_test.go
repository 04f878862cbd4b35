// Package house reads the code of the bridge and checks that its rooms stay rooms:
// small enough to be known whole, each with a comment that says what it is for.
package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The bounds of what one reader can hold. A line is a line of a file, comments
// included. The methods of a type are all that can be called on it: its own, and those
// that it gets by embedding another type of the bridge.
const (
	roomLines   = 3000
	fileLines   = 300
	typeMethods = 40
	fieldCount  = 15
)

// rooms are the folders that the bridge links, below the root of the repository.
func rooms(t *testing.T) []string {
	t.Helper()
	root := filepath.Join("..", "..")
	out := []string{filepath.Join(root, "cmd", "bridge")}
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if d.Name() == "testdata" || d.Name() == "sandbox" { // the sandbox is no part of the bridge
			return fs.SkipDir
		}
		if files, _ := filepath.Glob(filepath.Join(path, "*.go")); len(files) > 0 {
			out = append(out, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// survey is what the rules look at, by a name for people.
type survey struct {
	sizes map[string]int // "room internal/kafka", "file ...", "fields kafka.Client"
	mute  []string       // rooms without a package comment

	// By the name of a type, as in kafka.Client.
	methods map[string][]string // its own
	embeds  map[string][]string // the types that it embeds
}

func newSurvey() survey {
	return survey{sizes: map[string]int{}, methods: map[string][]string{}, embeds: map[string][]string{}}
}

func surveyed(t *testing.T) survey {
	t.Helper()
	s := newSurvey()
	for _, dir := range rooms(t) {
		name := filepath.ToSlash(strings.TrimPrefix(dir, filepath.Join("..", "..")+string(filepath.Separator)))
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		said := false
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			said = said || f.Doc != nil
			lines := bytes.Count(text, []byte("\n"))
			s.sizes["room "+name] += lines
			s.sizes["file "+name+"/"+filepath.Base(path)] = lines
			s.types(f)
		}
		if !said && s.sizes["room "+name] > 0 {
			s.mute = append(s.mute, name)
		}
	}
	s.countMethods()
	return s
}

// countMethods adds the sizes "methods kafka.Client".
func (s survey) countMethods() {
	for name := range s.methods {
		s.sizes["methods "+name] = len(s.reach(name))
	}
	for name := range s.embeds {
		s.sizes["methods "+name] = len(s.reach(name))
	}
}

// reach returns the names of the methods that can be called on a type.
func (s survey) reach(name string) map[string]bool {
	all := map[string]bool{}
	for _, m := range s.methods[name] {
		all[m] = true
	}
	for _, embedded := range s.embeds[name] {
		maps.Copy(all, s.reach(embedded))
	}
	return all
}

// types notes the methods and the embedded types of the file's types, and counts their
// fields. An embedded field counts as one.
func (s survey) types(f *ast.File) {
	room := f.Name.Name
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil {
				name := typeName(room, d.Recv.List[0].Type)
				s.methods[name] = append(s.methods[name], d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				ts, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				if st, ok := ts.Type.(*ast.StructType); ok {
					name := room + "." + ts.Name.Name
					s.sizes["fields "+name] = st.Fields.NumFields()
					for _, field := range st.Fields.List {
						if len(field.Names) == 0 {
							s.embeds[name] = append(s.embeds[name], typeName(room, field.Type))
						}
					}
				}
			}
		}
	}
}

// typeName returns the name of a type of the room, or of the room that it is imported
// from.
func typeName(room string, e ast.Expr) string {
	switch x := e.(type) {
	case *ast.StarExpr:
		return typeName(room, x.X)
	case *ast.IndexExpr:
		return typeName(room, x.X)
	case *ast.SelectorExpr:
		return fmt.Sprint(x.X, ".", x.Sel)
	case *ast.Ident:
		return room + "." + x.Name
	}
	return "?"
}

// TestHouse_everyRoomCanBeKnown.
func TestHouse_everyRoomCanBeKnown(t *testing.T) {
	s := surveyed(t)
	bounds := map[string]int{"room": roomLines, "file": fileLines, "methods": typeMethods, "fields": fieldCount}
	advice := map[string]string{
		"room":    "%s has %d production lines, more than %d: find the idea in it that can have a room of its own",
		"file":    "%s has %d lines, more than %d: give what it does beside its one idea a file of its own",
		"methods": "%s has %d methods, those of embedded types included, more than %d: find the state in it that only some of them use, give it a type, and hold that by a name",
		"fields":  "%s has %d fields, more than %d: put those that change together into a type of their own",
	}
	for _, what := range slices.Sorted(maps.Keys(s.sizes)) {
		kind, name, _ := strings.Cut(what, " ")
		if size := s.sizes[what]; size > bounds[kind] {
			t.Errorf(advice[kind], name, size, bounds[kind])
		}
	}
	for _, name := range s.mute {
		t.Errorf("%s has no package comment: say in a doc.go what it owns, who calls it, and on which goroutine", name)
	}
}

// TestHouse_seesWhatIsTooLarge looks at made-up code, so that the rules are known to
// see anything.
func TestHouse_seesWhatIsTooLarge(t *testing.T) {
	var code strings.Builder
	code.WriteString("package p\n\ntype large[T any] struct {\n\tembedded\n")
	for i := range fieldCount {
		fmt.Fprintf(&code, "\tf%d, g%d int\n", i, i)
	}
	code.WriteString("}\n\ntype wide struct{ *large[int] }\n\nfunc (w wide) own() {}\nfunc (w wide) m0() {}\n")
	for i := range typeMethods + 1 {
		fmt.Fprintf(&code, "func (l *large[T]) m%d() {}\n", i)
	}
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", code.String(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s := newSurvey()
	s.types(f)
	s.countMethods()
	for what, want := range map[string]int{"fields p.large": 2*fieldCount + 1, "methods p.large": typeMethods + 1, "methods p.wide": typeMethods + 2} {
		if got := s.sizes[what]; got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
}
