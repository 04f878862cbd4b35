package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
)

// documents are all documents that people write by hand or read, by their paths from here.
func documents(t *testing.T) []string {
	t.Helper()
	files := []string{"../charts/kafka-import-bridge/README.md", "../examples/compose/README.md"}
	for _, pattern := range []string{"*.md", "adr/*.md", "../*.md", "../bench/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		files = append(files, found...)
	}
	return files
}

// span is what a document shows as code within a line.
var span = regexp.MustCompile("`([^`\n]+)`")

// codeOf returns what a line of a document shows as code: its spans, or all of it where
// it is indented as a block of code.
func codeOf(line string) []string {
	if strings.HasPrefix(line, "    ") {
		return []string{strings.TrimSpace(line)}
	}
	var spans []string
	for _, m := range span.FindAllStringSubmatch(line, -1) {
		spans = append(spans, m[1])
	}
	return spans
}

// sourceFiles are the files of the repository, by their paths from its root, without
// what is built or kept by other programs.
func sourceFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join("..", folder), func(path string, d os.DirEntry, err error) error {
			files = append(files, filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// folders are those of the repository's root.
var folders = []string{".ci", ".github", "bench", "charts", "cmd", "docs", "examples", "internal", "packaging", "test", "tools"}

var pathLike = regexp.MustCompile(`^[\w.*/{}-]+$`)

// Every file and folder of the repository that a document names is there. A file of Go
// may be named by the end of its path, or, behind another one, by its name alone.
func TestDocuments_namePathsThatExist(t *testing.T) {
	files := sourceFiles(t)
	matches := func(pattern, name string) bool {
		ok, err := filepath.Match(pattern, name)
		return ok && err == nil
	}
	exists := func(pattern, before string) bool {
		return slices.ContainsFunc(files, func(file string) bool {
			folder, name := filepath.Split(file)
			switch {
			case matches(pattern, file):
				return true
			case strings.Contains(pattern, "/"):
				return strings.HasSuffix(pattern, ".go") && strings.HasSuffix(file, "/"+pattern)
			}
			return matches(pattern, name) && (before == "" || strings.HasSuffix(folder, filepath.Dir(before)+"/"))
		})
	}
	for _, document := range documents(t) {
		if document == "../bench/PROFILES.md" {
			continue // it names functions, by the paths of their packages
		}
		for line := range strings.Lines(read(t, document)) {
			before := ""
			for _, m := range span.FindAllStringSubmatch(line, -1) {
				path := strings.TrimSuffix(m[1], "/")
				top, _, below := strings.Cut(path, "/")
				inside := below && slices.Contains(folders, top)
				if !pathLike.MatchString(path) || !inside && !strings.HasSuffix(path, ".go") {
					continue
				}
				if !exists(path, before) {
					t.Errorf("%s names %s, which is not there", document, m[1])
				}
				if below {
					before = path
				}
			}
		}
	}
}

var (
	testName  = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w+`)
	benchmark = regexp.MustCompile(`go test .*?-bench (\S+).*? \./(\S+)`)
)

// Every test that a document names exists, and a command for a benchmark runs one.
func TestDocuments_nameTestsThatExist(t *testing.T) {
	names := tests(t)
	for _, document := range documents(t) {
		for _, name := range testName.FindAllString(read(t, document), -1) {
			if _, ok := names[name]; !ok {
				t.Errorf("%s names %s, which does not exist", document, name)
			}
		}
		for line := range strings.Lines(read(t, document)) {
			for _, code := range codeOf(line) {
				m := benchmark.FindStringSubmatch(code)
				if m == nil {
					continue
				}
				runs := false
				for name, folders := range names {
					ok, err := regexp.MatchString(m[1], name)
					runs = runs || ok && err == nil && strings.HasPrefix(name, "Benchmark") && slices.Contains(folders, m[2])
				}
				if !runs {
					t.Errorf("%s: %q runs no benchmark", document, code)
				}
			}
		}
	}
}

// Every test that a comment names exists; one that ends in * or _* stands for all that
// begin like it.
func TestComments_nameTestsThatExist(t *testing.T) {
	names := tests(t)
	mention := regexp.MustCompile(testName.String() + `\*?`)
	for _, file := range sourceFiles(t) {
		if !strings.HasSuffix(file, ".go") {
			continue
		}
		for line := range strings.Lines(read(t, "../"+file)) {
			if !strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			for _, name := range mention.FindAllString(line, -1) {
				begin, open := strings.CutSuffix(name, "*")
				_, ok := names[begin]
				for known := range names {
					ok = ok || open && strings.HasPrefix(known, begin)
				}
				if !ok && begin != "TestMain" && begin != "TestName" { // the latter stands for any
					t.Errorf("%s names %s, which does not exist", file, name)
				}
			}
		}
	}
}

// Every setting that a document names exists. One that ends in … or * stands for all
// that begin like it.
func TestDocuments_nameSettingsThatExist(t *testing.T) {
	variable := regexp.MustCompile(`\b(?:BRIDGE|SAFETYKIT)_[A-Z0-9_]*(?:…|\*)?`)
	var known []string
	for _, s := range config.Settings() {
		known = append(known, s.Variable)
		if file := s.FileVariable(); file != "" {
			known = append(known, file)
		}
	}
	for _, document := range append(documents(t), "../charts/kafka-import-bridge/values.yaml", "../charts/kafka-import-bridge/files/alerts.yaml", "../packaging/bridge.env") {
		for _, name := range variable.FindAllString(read(t, document), -1) {
			begin := strings.TrimRight(name, "…*")
			ok := slices.Contains(known, begin)
			if begin != name || strings.HasSuffix(name, "_") {
				ok = slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, begin) })
			}
			if !ok {
				t.Errorf("%s names %s, which is no setting", document, name)
			}
		}
	}
}

// Every target of make that a document names exists.
func TestDocuments_nameTargetsThatExist(t *testing.T) {
	makefile := "\n" + read(t, "../Makefile")
	target := regexp.MustCompile(`(?:^|[ (])make ([a-z][a-z0-9-]*)`)
	for _, document := range documents(t) {
		for line := range strings.Lines(read(t, document)) {
			for _, code := range codeOf(line) {
				for _, m := range target.FindAllStringSubmatch(code, -1) {
					if !strings.Contains(makefile, "\n"+m[1]+":") {
						t.Errorf("%s: there is no make %s", document, m[1])
					}
				}
			}
		}
	}
}

// Every value of the chart that a document names exists. What is empty in values.yaml
// takes whatever Kubernetes takes there.
func TestDocuments_nameChartValuesThatExist(t *testing.T) {
	var values map[string]any
	readYAML(t, "../charts/kafka-import-bridge/values.yaml", &values)
	value := regexp.MustCompile(`^([a-z]\w*)((?:\.[a-z]\w*)+)(?:[=:].*)?$`)
	for _, document := range documents(t) {
		for _, s := range span.FindAllStringSubmatch(read(t, document), -1) {
			m := value.FindStringSubmatch(s[1])
			if m == nil || values[m[1]] == nil || m[1] == "config" {
				continue
			}
			in, _ := values[m[1]].(map[string]any)
			for key := range strings.SplitSeq(m[2][1:], ".") {
				next, ok := in[key]
				if len(in) > 0 && !ok {
					t.Errorf("%s names %s: the chart has no such value", document, s[1])
				}
				in, _ = next.(map[string]any)
			}
		}
	}
}

// Where a document runs the bridge in a container, it calls it by its path: the image
// has nothing else, and no PATH.
func TestDocuments_runTheImagesProgram(t *testing.T) {
	m := regexp.MustCompile(`ENTRYPOINT \["([^"]+)"\]`).FindStringSubmatch(read(t, "../Dockerfile"))
	if m == nil {
		t.Fatal("the Dockerfile has no entry point")
	}
	for _, document := range documents(t) {
		for line := range strings.Lines(read(t, document)) {
			if _, command, ok := strings.Cut(line, "kubectl exec "); ok {
				if _, program, ok := strings.Cut(command, " -- "); ok && !strings.HasPrefix(program, m[1]+" ") {
					t.Errorf("%s runs %q, not %s", document, strings.TrimSpace(program), m[1])
				}
			}
		}
	}
}
