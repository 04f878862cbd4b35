package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, file)), into); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

// The forms for issues have what GitHub asks of them; a form that has not is
// shown to nobody.
func TestRepository_issueForms(t *testing.T) {
	files, err := filepath.Glob("../.github/ISSUE_TEMPLATE/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("forms = %v, %v", files, err)
	}
	for _, file := range files {
		var form struct {
			Name, Description string
			Body              []struct {
				Type, ID   string
				Attributes struct{ Label, Value string }
			}
		}
		readYAML(t, file, &form)
		if form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("%s: %+v", file, form)
		}
		seen := map[string]bool{}
		for _, part := range form.Body {
			switch part.Type {
			case "markdown":
				if part.Attributes.Value == "" {
					t.Errorf("%s: a text without a value", file)
				}
			case "input", "textarea":
				if part.ID == "" || part.Attributes.Label == "" || seen[part.ID] {
					t.Errorf("%s: %+v", file, part)
				}
				seen[part.ID] = true
			default:
				t.Errorf("%s: the type %q", file, part.Type)
			}
		}
	}
}

// What is updated every week exists.
func TestRepository_updatesConcernWhatIsThere(t *testing.T) {
	var file struct {
		Version int
		Updates []struct {
			Ecosystem string `yaml:"package-ecosystem"`
			Directory string
			Schedule  struct{ Interval string }
		}
	}
	readYAML(t, "../.github/dependabot.yml", &file)
	holds := map[string]string{"gomod": "go.mod", "docker": "Dockerfile", "docker-compose": "compose.yaml", "github-actions": ".github/workflows/check.yaml"}
	if file.Version != 2 || len(file.Updates) < 5 {
		t.Errorf("%+v", file)
	}
	for _, u := range file.Updates {
		if _, err := os.Stat(filepath.Join("..", u.Directory, holds[u.Ecosystem])); err != nil || holds[u.Ecosystem] == "" || u.Schedule.Interval == "" {
			t.Errorf("%+v: %v", u, err)
		}
	}
}

func TestRepository_ownedPathsExist(t *testing.T) {
	for line := range strings.Lines(read(t, "../.github/CODEOWNERS")) {
		if path := strings.TrimSpace(line); strings.HasPrefix(path, "/") {
			if _, err := os.Stat(filepath.Join("..", path)); err != nil {
				t.Errorf("CODEOWNERS: %v", err)
			}
		}
	}
}

// A workflow runs the actions of others at a commit, not at a name that can be
// moved, and says which version that is.
func TestRepository_actionsArePinned(t *testing.T) {
	files, err := filepath.Glob("../.github/workflows/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("workflows = %v, %v", files, err)
	}
	pinned := regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, file := range files {
		for line := range strings.Lines(read(t, file)) {
			_, action, ok := strings.Cut(strings.TrimSpace(line), "uses: ")
			if ok && !strings.HasPrefix(action, "./") && !pinned.MatchString(action) {
				t.Errorf("%s uses %s", file, action)
			}
		}
	}
}
