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
// included.
const (
	roomLines   = 3000
	fileLines   = 300
	typeMethods = 40
	fieldCount  = 15
)

// toDo are the places that are beyond a bound still, with the size that they must not
// grow beyond either. This list only ever gets shorter: a place that is within its
// bound again has to leave it.
var toDo = map[string]int{}

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
	sizes map[string]int // "room internal/kafka", "file ...", "methods kafka.Client", "fields kafka.Client"
	mute  []string       // rooms without a package comment
}

func surveyed(t *testing.T) survey {
	t.Helper()
	s := survey{sizes: map[string]int{}}
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
	return s
}

// types counts the methods and fields of the file's types. An embedded field counts
// as one.
func (s survey) types(f *ast.File) {
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv != nil {
				s.sizes["methods "+f.Name.Name+"."+receiver(d.Recv.List[0].Type)]++
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok {
					if st, ok := ts.Type.(*ast.StructType); ok {
						s.sizes["fields "+f.Name.Name+"."+ts.Name.Name] = st.Fields.NumFields()
					}
				}
			}
		}
	}
}

func receiver(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
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
		"methods": "%s has %d methods, more than %d: find the state in it that only some of them use, and give it a type",
		"fields":  "%s has %d fields, more than %d: put those that change together into a type of their own",
	}
	unit := map[string]string{"room": "lines", "file": "lines", "methods": "methods", "fields": "fields"}
	for _, what := range slices.Sorted(maps.Keys(s.sizes)) {
		size := s.sizes[what]
		kind, name, _ := strings.Cut(what, " ")
		ceiling, listed := toDo[what]
		switch bound := bounds[kind]; {
		case size <= bound && listed:
			t.Errorf("%s %s is within its bound again (%d of %d): take it out of the to-do list", kind, name, size, bound)
		case size > bound && !listed:
			t.Errorf(advice[kind], name, size, bound)
		case listed && size > ceiling:
			t.Errorf("%s has grown to %d %s, beyond the %d that the to-do list allows: it has to shrink to %d", name, size, unit[kind], ceiling, bound)
		}
	}
	for what := range toDo {
		if _, ok := s.sizes[what]; !ok {
			t.Errorf("%s is on the to-do list and does not exist", what)
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
	code.WriteString("}\n")
	for i := range typeMethods + 1 {
		fmt.Fprintf(&code, "func (l *large[T]) m%d() {}\n", i)
	}
	f, err := parser.ParseFile(token.NewFileSet(), "p.go", code.String(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s := survey{sizes: map[string]int{}}
	s.types(f)
	if got := s.sizes["fields p.large"]; got != 2*fieldCount+1 {
		t.Errorf("%d fields", got)
	}
	if got := s.sizes["methods p.large"]; got != typeMethods+1 {
		t.Errorf("%d methods", got)
	}
}
