package record_test

import (
	"encoding"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/internal/record"
)

func TestParseSource(t *testing.T) {
	both := []string{"key", "header:h", "header: spaced:name ", "field:id", "field:a.b.c", "field:é x", "field:/a.b", "field://a"}
	onlyNamespace := []string{"topic", "static:name"}
	onlyID := []string{"offset"}
	neither := []string{
		"", "Topic", " topic", "topic:", "topic:x", "key:", "static", "static:", "static:a b", "static:a,b", "header",
		"header:", "field", "field:", "field:.", "field:a.", "field:.a", "field:a..b", "field:\xff", "offset:1", "value", ":", "whole", "field:/", "field:/.a", "field:/a.",
	}
	type source interface {
		encoding.TextUnmarshaler
		fmt.Stringer
	}
	check := func(src source, text string, ok bool) {
		t.Helper()
		err := src.UnmarshalText([]byte(text))
		if (err == nil) != ok || ok && src.String() != text {
			t.Errorf("%q: got %q, %v, want accepted %t", text, src, err, ok)
		}
		if err != nil && !strings.Contains(err.Error(), "header:NAME") {
			t.Errorf("%q: error %q does not say what is accepted", text, err)
		}
	}
	for _, text := range slices.Concat(both, onlyNamespace, onlyID, neither) {
		check(&record.NamespaceSource{}, text, slices.Contains(both, text) || slices.Contains(onlyNamespace, text))
		check(&record.IDSource{}, text, slices.Contains(both, text) || slices.Contains(onlyID, text))
	}
}

func TestParseNamespaceMap(t *testing.T) {
	m, err := record.ParseNamespaceMap("orders.v1=orders, a b = x + y ,a=b=c,*=rest")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"orders.v1": {"orders"}, "a b": {"x", "y"}, "a=b": {"c"}, "other": {"rest"}, "": {"rest"}, "*": {"rest"},
	} {
		if to, ok := m.Lookup(name); !ok || !slices.Equal(to, want) {
			t.Errorf("%q: got %q, %t, want %q", name, to, ok, want)
		}
	}
	if again, err := record.ParseNamespaceMap(m.String()); err != nil || again.String() != m.String() {
		t.Errorf("%q does not parse to itself: %q, %v", m.String(), again.String(), err)
	}
}

func TestParseNamespaceMap_withoutCatchAll(t *testing.T) {
	parsed, err := record.ParseNamespaceMap("a=b")
	if err != nil {
		t.Fatal(err)
	}
	empty, err := record.ParseNamespaceMap(" ")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []record.Map{parsed, empty, {}} {
		if to, ok := m.Lookup("c"); ok || to != nil {
			t.Errorf("map %q: c became %q", m.String(), to)
		}
	}
}

func TestParseNamespaceMap_faults(t *testing.T) {
	for text, part := range map[string]string{
		"a":             "entry 1: want",
		"a=":            "entry 1: target 1: a namespace",
		"=a":            "entry 1: nothing before",
		"a=b,":          "entry 2: want",
		",a=b":          "entry 1: want",
		"a=b+":          "entry 1: target 2: a namespace",
		"a=b c":         "entry 1: target 1",
		"a=b.c":         "entry 1: target 1",
		"a=*":           "entry 1: target 1",
		"a=b,c=d,a=e":   "entry 3: what stands before = is named twice",
		"*=b, * = c":    "entry 2: what stands before = is named twice",
		"b=good,a=../x": "entry 2: target 1",
	} {
		if _, err := record.ParseNamespaceMap(text); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: got %v, want an error with %s", text, err, part)
		}
	}
}

func TestValidNamespace(t *testing.T) {
	for b := range 256 {
		s := string([]byte{byte(b)})
		if record.ValidNamespace(s) != regexp.MustCompile(`^[A-Za-z0-9_-]$`).MatchString(s) {
			t.Errorf("byte %#x: got %t", b, record.ValidNamespace(s))
		}
	}
	for s, want := range map[string]bool{
		"": false, strings.Repeat("x", 255): true, strings.Repeat("x", 256): false, "a/b": false, "a\n": false, "é": false, "..": false,
	} {
		if record.ValidNamespace(s) != want {
			t.Errorf("%q: want %t", s, want)
		}
	}
}

func settings(t *testing.T, namespace, mapping, allow, id string, numbers bool) record.Settings {
	t.Helper()
	m, err := record.ParseNamespaceMap(mapping)
	if err != nil {
		t.Fatal(err)
	}
	s := record.Settings{Namespace: namespaceSource(t, namespace), Map: m, ID: idSource(t, id), IDNumbers: numbers}
	if allow != "none" {
		s.Allow = regexp.MustCompile(allow)
	}
	return s
}

func TestSettings_fingerprintTellsSettingsApart(t *testing.T) {
	seen := map[string]int{}
	for i, s := range []record.Settings{
		settings(t, "topic", "", "none", "field:id", false),
		settings(t, "key", "", "none", "field:id", false),
		settings(t, "topic", "a=b", "none", "field:id", false),
		settings(t, "topic", "a=b+c", "none", "field:id", false),
		settings(t, "topic", "a=c+b", "none", "field:id", false),
		settings(t, "topic", "", "", "field:id", false),
		settings(t, "topic", "", "a", "field:id", false),
		settings(t, "topic", "", "none", "key", false),
		settings(t, "topic", "", "none", "field:id", true),
		withValue(t, settings(t, "topic", "", "none", "field:id", false), "field:a"),
		{Namespace: namespaceSource(t, "topic"), ID: idSource(t, "field:id"), Format: "x"},
		withValue(t, settings(t, "topic", "", "none", "field:id", false), "field:a.b"),
	} {
		print := s.Fingerprint()
		if len(print) != 8 || strings.Trim(print, "0123456789abcdef") != "" {
			t.Errorf("settings %d: fingerprint %q", i, print)
		}
		if other, twice := seen[print]; twice {
			t.Errorf("settings %d and %d share a fingerprint", i, other)
		}
		seen[print] = i
	}
}

func withValue(t *testing.T, s record.Settings, value string) record.Settings {
	t.Helper()
	if err := s.Value.UnmarshalText([]byte(value)); err != nil {
		t.Fatal(err)
	}
	return s
}

// Settings that say the same in other words leave what earlier processes wrote in
// force.
func TestSettings_fingerprintIsThatOfTheMeaning(t *testing.T) {
	whole := settings(t, "topic", "", "none", "field:id", false)
	for _, pair := range [][2]record.Settings{
		{whole, withValue(t, whole, "whole")},
		{withValue(t, whole, "field:a.b"), withValue(t, whole, "field:/a.b")},
	} {
		if a, b := pair[0].Fingerprint(), pair[1].Fingerprint(); a != b {
			t.Errorf("%+v: %s, %+v: %s", pair[0], a, pair[1], b)
		}
	}
}

func TestValueSource(t *testing.T) {
	for _, text := range []string{"whole", "field:a", "field:a.b", "field:/a.b", "field:é x"} {
		var src record.ValueSource
		if err := src.UnmarshalText([]byte(text)); err != nil || src.String() != text {
			t.Errorf("%q: got %q, %v", text, src, err)
		}
	}
	for _, text := range []string{
		"", "whole:", "whole:x", "Whole", "field", "field:", "field:/", "field:a.", "field:a..b", "field:/.a",
		"field:\xff", "key", "topic", "header:h", "static:s", "offset",
	} {
		if err := new(record.ValueSource).UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "whole or field:PATH") {
			t.Errorf("%q: error %v does not say what is accepted", text, err)
		}
	}
}

func TestSettings_fingerprintIsStable(t *testing.T) {
	a := settings(t, "field:ns", "a=b,c=d+e", "x|y", "key", true)
	b := settings(t, "field:ns", " c = d+e , a=b", "x|y", "key", true)
	b.MaxLineBytes, b.MaxFanoutBytes = 1, 2
	if a.Fingerprint() != b.Fingerprint() {
		t.Errorf("order, spaces or limits change the fingerprint: %s, %s", a.Fingerprint(), b.Fingerprint())
	}
	// It lies in commit metadata: another value makes every process that is
	// upgraded read some records again.
	if got, want := a.Fingerprint(), "0be63aad"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNewMapper_faults(t *testing.T) {
	good := settings(t, "static:n", "", "none", "key", false)
	for name, change := range map[string]func(*record.Settings){
		"no namespace source":        func(s *record.Settings) { s.Namespace = record.NamespaceSource{} },
		"no id source":               func(s *record.Settings) { s.ID = record.IDSource{} },
		"negative line limit":        func(s *record.Settings) { s.MaxLineBytes = -1 },
		"negative fan-out limit":     func(s *record.Settings) { s.MaxFanoutBytes = -1 },
		"static is not allowed":      func(s *record.Settings) { s.Allow = regexp.MustCompile("other") },
		"static's map not allowed":   func(s *record.Settings) { *s = settings(t, "static:n", "n=m", "n", "key", false) },
		"expression without its end": func(s *record.Settings) { s.Allow = regexp.MustCompile(`\Qn`) },
	} {
		s := good
		change(&s)
		if m, err := record.NewMapper(s); err == nil || m != nil {
			t.Errorf("%s: got %v, %v", name, m, err)
		}
	}
}

func TestReasons(t *testing.T) {
	want := "[not_json no_id bad_id no_namespace bad_namespace too_large no_value not_decodable tombstone receipt operator]"
	if got := fmt.Sprintf("%v", record.Reasons()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
