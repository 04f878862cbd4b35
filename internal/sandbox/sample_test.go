package sandbox

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestSamples_areWhatTheyClaim(t *testing.T) {
	samples := NewSamples(7, 0.02)
	ids := map[string]bool{}
	perNamespace := map[string]int{}
	poison := map[string]int{}
	tombstones, fanOut := 0, 0
	for range 8000 {
		s := samples.Next()
		switch {
		case s.Tombstone():
			tombstones++
			continue
		case s.Poison != "":
			poison[s.Poison]++
			if len(s.Namespaces) != 0 {
				t.Fatalf("poison owes lines: %+v", s)
			}
			continue
		}
		var value struct {
			ID        string
			Namespace any
		}
		if err := json.Unmarshal(s.Value, &value); err != nil || value.ID != s.ID || ids[s.ID] {
			t.Fatalf("%s: %v", s.Value, err)
		}
		ids[s.ID] = true
		if text, ok := value.Namespace.(string); ok && !slices.Equal(s.Namespaces, []string{text}) {
			t.Fatalf("namespaces %q of %s", s.Namespaces, s.Value)
		}
		if len(s.Namespaces) > 1 {
			fanOut++
		}
		for _, namespace := range s.Namespaces {
			if !namespacePattern.MatchString(namespace) {
				t.Fatalf("namespace %q", namespace)
			}
			perNamespace[namespace]++
		}
	}
	if tombstones < 80 || fanOut < 40 || len(poison) != 8 {
		t.Errorf("%d tombstones, %d fan-outs, poison %v", tombstones, fanOut, poison)
	}
	if len(perNamespace) < 20 || perNamespace["acme-messages"] < 10*perNamespace["wonka-messages"] {
		t.Errorf("namespaces are not skewed: %v", perNamespace)
	}
}

func TestSamples_equalSeedsGiveEqualRecords(t *testing.T) {
	one, two, other := NewSamples(3, 0.1), NewSamples(3, 0.1), NewSamples(4, 0.1)
	same := true
	for range 200 {
		a, b, c := one.Next(), two.Next(), other.Next()
		if a.Topic != b.Topic || string(a.Value) != string(b.Value) {
			t.Fatalf("%s is not %s", a.Value, b.Value)
		}
		same = same && string(a.Value) == string(c.Value)
	}
	if same {
		t.Error("another seed gave the same records")
	}
}
