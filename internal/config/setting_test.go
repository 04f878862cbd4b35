package config_test

import (
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
)

var update = flag.Bool("update", false, "write the settings table into README.md")

const (
	readme        = "../../README.md"
	settingsBegin = "<!-- settings:begin -->\n"
	settingsEnd   = "<!-- settings:end -->"
)

func TestMarkdown_isInTheReadme(t *testing.T) {
	content, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(content), settingsBegin)
	table, after, ends := strings.Cut(rest, settingsEnd)
	if !begins || !ends {
		t.Fatalf("README.md has no block between %q and %q", settingsBegin, settingsEnd)
	}
	if table == config.Markdown() {
		return
	}
	if !*update {
		t.Fatal("the settings table of README.md is stale: run go test ./internal/config -update")
	}
	content = []byte(before + settingsBegin + config.Markdown() + settingsEnd + after)
	if err := os.WriteFile(readme, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Each default, bound and word of the table must be a value that Load accepts:
// a typo in a tag would otherwise show on the first start.
func TestSettings_tableIsSound(t *testing.T) {
	seen := make(map[string]bool)
	for _, s := range config.Settings() {
		if seen[s.Variable] {
			t.Errorf("%s is in the table twice", s.Variable)
		}
		seen[s.Variable] = true
		if s.Meaning == "" || !strings.HasSuffix(s.Meaning, ".") {
			t.Errorf("%s has no meaning, or no full sentence: %q", s.Variable, s.Meaning)
		}
		if s.Required && s.Default != "" {
			t.Errorf("%s is required and has a default", s.Variable)
		}
		values := append([]string{s.Default, s.Min, s.Max}, s.OneOf...)
		for _, value := range values {
			_, err := config.Load(with(s.Variable + "=" + value))
			// Other variables may now contradict it; the value itself may not be at fault.
			if err != nil && strings.Contains(err.Error(), s.Variable+"=\""+value+"\": want one of") ||
				err != nil && strings.Contains(err.Error(), s.Variable+"=\""+value+"\": want between") {
				t.Errorf("%v", err)
			}
		}
	}
	if len(seen) < 60 {
		t.Errorf("only %d settings", len(seen))
	}
}

func TestSettings_kinds(t *testing.T) {
	got := make(map[string]config.Setting)
	for _, s := range config.Settings() {
		got[s.Variable] = s
	}
	for variable, want := range map[string]config.Kind{
		"BRIDGE_KAFKA_BROKERS": config.KindList, "BRIDGE_KAFKA_TOPIC_REGEX": config.KindRegexp,
		"BRIDGE_KAFKA_TLS": config.KindBoolean, "BRIDGE_KAFKA_SASL_PASSWORD": config.KindSecret,
		"BRIDGE_KAFKA_SASL_MECHANISM": config.KindEnum, "BRIDGE_LOG_LEVEL": config.KindEnum,
		"BRIDGE_BATCH_MAX_BYTES": config.KindSize, "BRIDGE_BATCH_MAX_RECORDS": config.KindInteger,
		"BRIDGE_BATCH_MAX_AGE": config.KindDuration, "SAFETYKIT_BASE_URL": config.KindURL,
		"BRIDGE_NAMESPACE": config.KindString, "BRIDGE_NAMESPACE_MAP": config.KindList,
	} {
		if got[variable].Kind != want {
			t.Errorf("%s is a %s, want %s", variable, got[variable].Kind, want)
		}
	}
	s := got["BRIDGE_ON_REJECTED"]
	if !reflect.DeepEqual(s.OneOf, []string{"hold", "dlq"}) || s.Default != "hold" || s.Secret() || s.FileVariable() != "" {
		t.Errorf("BRIDGE_ON_REJECTED: %+v", s)
	}
	if key := got["SAFETYKIT_API_KEY"]; !key.Secret() || key.FileVariable() != "SAFETYKIT_API_KEY_FILE" || !key.Required {
		t.Errorf("SAFETYKIT_API_KEY: %+v", key)
	}
}
