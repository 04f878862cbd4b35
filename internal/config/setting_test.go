package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
)

var update = flag.Bool("update", false, "write docs/settings.md and the README's table")

const (
	document      = "../../docs/settings.md"
	readme        = "../../README.md"
	settingsBegin = "<!-- settings:begin -->\n"
	settingsEnd   = "<!-- settings:end -->\n"
)

// firstSettings are those that the README explains: the four that start the
// bridge, and what most people decide next.
var firstSettings = []string{
	"BRIDGE_KAFKA_BROKERS", "BRIDGE_KAFKA_TOPICS", "BRIDGE_KAFKA_GROUP_ID", "SAFETYKIT_API_KEY",
	"BRIDGE_NAMESPACE", "BRIDGE_ID", "BRIDGE_ON_INVALID", "BRIDGE_DLQ_TOPIC",
	"BRIDGE_BATCH_MAX_AGE", "BRIDGE_BUFFER_MAX_BYTES",
}

func TestMarkdown_isInTheDocuments(t *testing.T) {
	fileHolds(t, document, config.Markdown())
	before, rest, begins := strings.Cut(read(t, readme), settingsBegin)
	_, after, ends := strings.Cut(rest, settingsEnd)
	if !begins || !ends {
		t.Fatalf("README.md has no block between %q and %q", settingsBegin, settingsEnd)
	}
	var first []config.Setting
	for _, variable := range firstSettings {
		i := slices.IndexFunc(config.Settings(), func(s config.Setting) bool { return s.Variable == variable })
		if i < 0 {
			t.Fatalf("%s is no setting", variable)
		}
		first = append(first, config.Settings()[i])
	}
	fileHolds(t, readme, before+settingsBegin+config.Table(first)+settingsEnd+after)
}

// fileHolds requires that text is all that the file holds, or writes it with
// -update.
func fileHolds(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, file) != text {
		t.Errorf("%s is stale: run make generate", file)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSettings_eachHasASection(t *testing.T) {
	for _, s := range config.Settings() {
		if s.Section == "" {
			t.Errorf("%s is in no section: give a struct around it the tag section", s.Variable)
		}
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
			_, err := config.Load(with(s.Variable+"="+value), 0)
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

// A setting that nothing reads would be accepted and have no effect: the program reads
// the field of each.
func TestSettings_areWired(t *testing.T) {
	files, err := filepath.Glob("../../cmd/bridge/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	var code strings.Builder
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			code.WriteString(read(t, file))
		}
	}
	var walk func(reflect.Type)
	walk = func(group reflect.Type) {
		for field := range group.Fields() {
			variable, setting := field.Tag.Lookup("envconfig")
			switch {
			case setting && !regexp.MustCompile(`\.`+field.Name+`\b`).MatchString(code.String()):
				t.Errorf("nothing in cmd/bridge reads the field %s.%s of %s: wire it, for instance in cmd/bridge/wire.go", group.Name(), field.Name, variable)
			case !setting && field.IsExported() && field.Type.Kind() == reflect.Struct:
				walk(field.Type)
			}
		}
	}
	walk(reflect.TypeFor[config.Config]())
}
