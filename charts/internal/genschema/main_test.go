package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/consumer/ledger"
)

const chart = "../../kafka-import-bridge"

func TestGenerated_isUpToDate(t *testing.T) {
	schema, err := valuesSchema()
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, "values.schema.json"); got != string(schema) {
		t.Error("values.schema.json differs from the settings: run go generate ./charts and look at the difference")
	}
	values := read(t, "values.yaml")
	filled, err := fillValues(values)
	if err != nil {
		t.Fatal(err)
	}
	if values != filled {
		t.Error("values.yaml differs from the settings: run go generate ./charts and look at the difference")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chart, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestValues_showEverySettingButTheChartsOwn(t *testing.T) {
	text := configValues()
	for _, s := range config.Settings() {
		shown := regexp.MustCompile(`(?m)^  (# )?` + s.Variable + `: "`).MatchString(text)
		if shown == byChart(s) {
			t.Errorf("%s: shown = %t", s.Variable, shown)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if len(line) > width && strings.HasPrefix(line, "  # ") && !strings.Contains(line, `: "`) {
			t.Errorf("the comment is %d bytes long: %s", len(line), line)
		}
	}
}

// The chart may be wider than the bridge, never narrower: a default that its
// own schema refuses would be a setting that nobody can write down.
func TestSchema_acceptsEveryDefault(t *testing.T) {
	for _, s := range config.Settings() {
		var property struct {
			Pattern string
			Enum    []any
		}
		raw, err := json.Marshal(settingSchema(s))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &property); err != nil {
			t.Fatal(err)
		}
		if property.Pattern != "" && !regexp.MustCompile(property.Pattern).MatchString(s.Default) {
			t.Errorf("%s: %q does not match %s", s.Variable, s.Default, property.Pattern)
		}
		if property.Enum != nil && !contains(property.Enum, s.Default) {
			t.Errorf("%s: %q is not in %v", s.Variable, s.Default, property.Enum)
		}
	}
}

// The other way round, what the schema lets through the bridge reads.
func TestSchema_takesTheSizesThatTheBridgeReads(t *testing.T) {
	pattern := regexp.MustCompile(sizePattern)
	for _, number := range []string{"8", "8 ", "0", "1.5", "-1"} {
		for _, unit := range []string{"", "b", "B", "k", "K", "kb", "KB", "kib", "KiB", "Mi", "M", "MB", "MiB", "mib", "Gi", "GiB", "GB", "TiB", "i", "iB"} {
			var size config.Size
			if reads := size.Decode(number+unit) == nil; reads != pattern.MatchString(number+unit) {
				t.Errorf("%q: the bridge reads it: %t, the schema does not agree", number+unit, reads)
			}
		}
	}
}

// Words apart, which the schema takes in lower case only, as those of other settings.
func TestSchema_takesTheOffsetResetsThatTheBridgeReads(t *testing.T) {
	settings := config.Settings()
	i := slices.IndexFunc(settings, func(s config.Setting) bool { return s.Variable == "BRIDGE_KAFKA_OFFSET_RESET" })
	pattern := regexp.MustCompile(settingSchema(settings[i])["pattern"].(string))
	for _, text := range []string{
		"earliest", "latest", "hold", "begin", "latest:1h", "timestamp", "duration:", "timestamp:2026-11-01T00:00:00Z", "timestamp:2026-11-01T00:00:00.5+01:00",
		"timestamp:2026-11-01", "timestamp:2026-11-01T00:00:00", "timestamp:1793491200", "duration:24h", "duration:1h30m", "duration:1.5h", "duration:7d", "duration:-1h",
	} {
		var reset ledger.OffsetReset
		if reads := reset.UnmarshalText([]byte(text)) == nil; reads != pattern.MatchString(text) {
			t.Errorf("%q: the bridge reads it: %t, the schema does not agree", text, reads)
		}
	}
	if !pattern.MatchString("") {
		t.Error("the schema refuses a setting that is unset")
	}
}

func contains(words []any, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

func TestFillValues_keepsWhatIsOutsideTheMarkers(t *testing.T) {
	filled, err := fillValues("# before\n" + begin + "stale\n" + end + "after: 1\n")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(filled, "# before\n"+begin+"config:\n") || !strings.HasSuffix(filled, end+"after: 1\n") || strings.Contains(filled, "stale") {
		t.Errorf("filled = %s", filled)
	}
	if _, err := fillValues("no markers"); err == nil {
		t.Error("a file without markers was filled")
	}
}
