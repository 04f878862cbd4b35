package charts

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDashboard_keepsTheMatchersBackslashes(t *testing.T) {
	var dashboard struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal([]byte(Dashboard(`pod=~"a\\.b-.+"`)), &dashboard); err != nil {
		t.Fatal(err)
	}
	if expr := dashboard.Panels[1].Targets[0].Expr; !strings.Contains(expr, `{pod=~"a\\.b-.+"}`) {
		t.Errorf("the first panel asks for %s", expr)
	}
}

func TestDashboard_isJSONWithThisReleasesSelector(t *testing.T) {
	out := mustRender(t, "dashboard: {enabled: true}", "--show-only", "templates/dashboard.yaml")
	_, indented, ok := strings.Cut(out, "data.import-kafka-import-bridge.json: |-\n")
	if !ok {
		t.Fatalf("no dashboard in\n%s", out)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(indented), &dashboard); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range dashboard.Panels {
		if seen[p.ID] {
			t.Errorf("two panels have the id %d", p.ID)
		}
		seen[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			if !strings.Contains(target.Expr, `namespace="data",pod=~"import-kafka-import-bridge-[a-z0-9]+-[a-z0-9]{5}"`) {
				t.Errorf("%s asks for more than this release: %s", p.Title, target.Expr)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d panels", len(seen))
	}
}
