package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"kafka-import-bridge/internal/config"
)

// base is the schema of everything but config.
//
//go:embed base.json
var base []byte

// The forms of values that YAML may hold as a number or as text. Each accepts
// the empty text, which is the same as unset. The bridge itself says what else
// is wrong with a value.
const (
	sizePattern     = `^([0-9]+ *([KkMmGg][Ii]?[Bb]|[Bb])?)?$`
	durationPattern = `^(([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+)?$`
)

type object = map[string]any

// valuesSchema returns values.schema.json.
func valuesSchema() ([]byte, error) {
	var schema object
	if err := json.Unmarshal(base, &schema); err != nil {
		return nil, fmt.Errorf("decode base.json: %w", err)
	}
	properties := schema["properties"].(object)
	properties["config"] = configSchema()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(schema); err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return b.Bytes(), nil
}

func configSchema() object {
	properties := object{}
	for _, s := range config.Settings() {
		properties[s.Variable] = settingSchema(s)
		if file := s.FileVariable(); file != "" {
			properties[file] = object{"type": "string", "description": "A file that holds " + s.Variable + ", mounted by extraVolumes."}
		}
	}
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

// settingSchema is the form of one setting. Secrets and the instance's name are
// let through, because the templates refuse them with a sentence.
func settingSchema(s config.Setting) object {
	property := object{"description": s.Meaning}
	if s.Default != "" {
		property["default"] = s.Default
	}
	switch s.Kind {
	case config.KindBoolean:
		property["enum"] = []any{true, false, "true", "false", ""}
	case config.KindInteger:
		property["type"], property["pattern"] = []string{"integer", "string"}, `^[0-9]*$`
	case config.KindSize:
		property["type"], property["pattern"] = []string{"integer", "string"}, sizePattern
	case config.KindDuration:
		property["type"], property["pattern"] = "string", durationPattern
	case config.KindEnum:
		property["enum"] = append([]string{""}, s.OneOf...)
	default:
		property["type"] = "string"
		if s.Pattern != "" {
			property["pattern"] = s.Pattern
		}
	}
	return property
}
