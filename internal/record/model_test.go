package record_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kafka-import-bridge/internal/record"
)

// options are settings as a person writes them.
type options struct {
	namespace, id, mapping, allow string
	value                         string // "" is whole
	numbers                       bool
	maxLine, maxFanout            int64
}

// headers is the naive form of record.Headers.
type headers []struct{ name, value string }

func (h headers) Header(name string) ([]byte, bool) {
	for _, header := range slices.Backward(h) {
		if header.name == name {
			return []byte(header.value), true
		}
	}
	return nil, false
}

// outcome is what becomes of a record: a line, or the text of a reason.
type outcome struct {
	line       string
	namespaces []string
	reason     string
}

func (o outcome) String() string {
	return fmt.Sprintf("line %q namespaces %q reason %q", o.line, o.namespaces, o.reason)
}

// model says slowly what ought to become of a record, with encoding/json.
type model struct {
	options options
	mapping map[string][]string
	allowed func(string) bool
}

func (m model) outcome(in *record.Input) outcome {
	if in.Value == nil {
		return outcome{reason: "tombstone"}
	}
	object := bytes.Trim(in.Value, " \t\r\n")
	if !json.Valid(in.Value) || !utf8.Valid(in.Value) || object[0] != '{' {
		return outcome{reason: "not_json"}
	}
	stored := in.Value
	if path, ok := m.objectPath(); ok {
		switch object = field(in.Value, path); {
		case object == nil:
			return outcome{reason: "no_value"}
		case string(object) == "null":
			return outcome{reason: "tombstone"}
		case object[0] != '{':
			return outcome{reason: "not_json"}
		}
		stored = object
	}
	id, reason := m.id(in)
	if reason != "" {
		return outcome{reason: reason}
	}
	line := m.line(stored, object, id)
	size := int64(len(line)) + 1
	if m.options.maxLine > 0 && size > m.options.maxLine || m.options.maxFanout > 0 && size > m.options.maxFanout {
		return outcome{reason: "too_large"}
	}
	namespaces, reason := m.namespaces(in)
	if reason != "" {
		return outcome{reason: reason}
	}
	if m.options.maxFanout > 0 && size*int64(len(namespaces)) > m.options.maxFanout {
		return outcome{reason: "too_large"}
	}
	return outcome{line: line, namespaces: namespaces}
}

// member is a member of an object in its own bytes.
type member struct {
	name     string // decoded
	key, raw []byte
}

// members splits a valid object.
func members(object []byte) (all []member) {
	dec := json.NewDecoder(bytes.NewReader(object))
	must(dec.Token())
	for dec.More() {
		from := dec.InputOffset()
		name := must(dec.Token()).(string)
		key := bytes.TrimLeft(object[from:dec.InputOffset()], ", \t\r\n")
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			panic(err)
		}
		all = append(all, member{name, key, raw})
	}
	return all
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// field finds the last member at a path; nil if there is none.
func field(object []byte, path string) (raw []byte) {
	name, rest, deeper := strings.Cut(path, ".")
	for _, m := range members(object) {
		if m.name == name {
			raw = m.raw
		}
	}
	switch {
	case !deeper || raw == nil:
		return raw
	case raw[0] != '{':
		return nil
	default:
		return field(raw, rest)
	}
}

func (m model) objectPath() (path string, ok bool) {
	path, ok = strings.CutPrefix(m.options.value, "field:")
	return strings.TrimPrefix(path, "/"), ok
}

// whole is a path, as the settings have it, from the whole value.
func (m model) whole(path string) string {
	if rest, ok := strings.CutPrefix(path, "/"); ok {
		return rest
	}
	if object, ok := m.objectPath(); ok {
		return object + "." + path
	}
	return path
}

// id gives the token of the line's id; empty keeps the record's own.
func (m model) id(in *record.Input) (token, reason string) {
	kind, name, _ := strings.Cut(m.options.id, ":")
	var text []byte
	switch kind {
	case "field":
		return fieldID(field(in.Value, m.whole(name)), m.whole(name) == m.whole("id"), m.options.numbers)
	case "key":
		text = in.Key
	case "header":
		text, _ = in.Headers.Header(name)
	case "offset":
		text = fmt.Appendf(nil, "%s-%d-%d", in.Topic, in.Partition, in.Offset)
	}
	if len(text) == 0 {
		return "", "no_id"
	}
	if !utf8.Valid(text) || bytes.ContainsFunc(text, unicode.IsControl) {
		return "", "bad_id"
	}
	return quoted(string(text)), ""
}

func fieldID(raw []byte, own, numbers bool) (token, reason string) {
	if raw == nil {
		return "", "no_id"
	}
	var value any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		panic(err)
	}
	switch value := value.(type) {
	case string, nil:
		switch {
		case (value == nil || value == "") && own:
			return "", "bad_id"
		case value == nil || value == "":
			return "", "no_id"
		case own:
			return "", ""
		}
		return string(raw), ""
	case json.Number:
		if numbers {
			return `"` + string(raw) + `"`, ""
		}
	}
	return "", "bad_id"
}

// quoted is the plainest JSON string for a text.
func quoted(text string) string {
	out := `"`
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			out += `\` + string(c)
		case c < ' ':
			out += fmt.Sprintf(`\u%04x`, c)
		default:
			out += string(c)
		}
	}
	return out + `"`
}

func (m model) line(value, object []byte, id string) string {
	all := members(object)
	ids := 0
	other := false
	for _, member := range all {
		if member.name == "id" {
			ids++
			other = other || string(member.raw) != id
		}
	}
	if id == "" || ids > 0 && !other {
		if !hasRawNewline(value) {
			return string(value)
		}
		return compact(object)
	}
	var parts []string
	if ids == 0 {
		parts = append(parts, `"id":`+id)
	}
	for _, member := range all {
		raw := compact(member.raw)
		if member.name == "id" {
			raw = id
		}
		parts = append(parts, string(member.key)+":"+raw)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// hasRawNewline may look at the whole value: strings hold no raw newlines.
func hasRawNewline(value []byte) bool { return bytes.ContainsAny(value, "\r\n") }

func compact(raw []byte) string {
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		panic(err)
	}
	return out.String()
}

func (m model) names(in *record.Input) (names []string, reason string) {
	kind, name, _ := strings.Cut(m.options.namespace, ":")
	switch kind {
	case "topic":
		return []string{in.Topic}, ""
	case "static":
		return []string{name}, ""
	case "key":
		if len(in.Key) > 0 {
			names = []string{string(in.Key)}
		}
		return names, ""
	case "header":
		value, _ := in.Headers.Header(name)
		text := strings.Trim(string(value), " \t")
		if text == "" {
			return nil, ""
		}
		for item := range strings.SplitSeq(text, ",") {
			names = append(names, strings.Trim(item, " \t"))
		}
		return names, ""
	default:
		return fieldNames(field(in.Value, m.whole(name)))
	}
}

func fieldNames(raw []byte) (names []string, reason string) {
	var one string
	var list []*string
	switch {
	case raw == nil || string(raw) == "null" || string(raw) == `""`:
		return nil, ""
	case json.Unmarshal(raw, &one) == nil:
		return []string{one}, ""
	case json.Unmarshal(raw, &list) != nil || slices.Contains(list, nil):
		return nil, "bad_namespace"
	}
	for _, name := range list {
		names = append(names, *name)
	}
	return names, ""
}

func (m model) namespaces(in *record.Input) (namespaces []string, reason string) {
	names, reason := m.names(in)
	if reason != "" {
		return nil, reason
	}
	if len(names) == 0 {
		return nil, "no_namespace"
	}
	for _, name := range names {
		to, ok := m.mapping[name]
		if !ok {
			to, ok = m.mapping["*"]
		}
		if !ok {
			to = []string{name}
		}
		for _, namespace := range to {
			if name == "" || !validNamespace(namespace) || !m.allowed(namespace) {
				return nil, "bad_namespace"
			}
			if !slices.Contains(namespaces, namespace) {
				namespaces = append(namespaces, namespace)
			}
		}
	}
	return namespaces, ""
}

func validNamespace(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
	return s != "" && len(s) <= 255 && strings.Trim(s, letters) == "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune(letters, r)
	})
}
