package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

type sourceKind uint8

const (
	sourceUnset sourceKind = iota
	sourceTopic
	sourceKey
	sourceOffset
	sourceWhole
	sourceStatic
	sourceHeader
	sourceField
)

// source says where in a record something is found. Sources are comparable; the zero
// source is none.
type source struct {
	kind sourceKind
	name string // static: the namespace; header: its name; field: the dotted path
	text string
}

// String gives back the text that the source was parsed from.
func (s source) String() string { return s.text }

// NamespaceSource says where the namespaces of a record are found.
type NamespaceSource struct{ source }

// UnmarshalText parses "topic", "key", "static:NAME", "header:NAME" or
// "field:PATH". NAME of static is a valid namespace; PATH is a list of keys
// joined by dots, so a key that holds a dot cannot be named. It begins in the
// object that is stored, or, after a leading slash, in the whole value.
func (s *NamespaceSource) UnmarshalText(text []byte) (err error) {
	s.source, err = parseSource(string(text), "topic, key, static:NAME, header:NAME or field:PATH",
		sourceTopic, sourceKey, sourceStatic, sourceHeader, sourceField)
	return err
}

// IsTopic reports whether the topic's name is the namespace.
func (s NamespaceSource) IsTopic() bool { return s.kind == sourceTopic }

// Static returns the namespace of every record, if there is one.
func (s NamespaceSource) Static() (name string, ok bool) { return s.name, s.kind == sourceStatic }

// IDSource says where the id of a line is found.
type IDSource struct{ source }

// UnmarshalText parses "field:PATH", "key", "header:NAME" or "offset".
func (s *IDSource) UnmarshalText(text []byte) (err error) {
	s.source, err = parseSource(string(text), "field:PATH, key, header:NAME or offset",
		sourceField, sourceKey, sourceHeader, sourceOffset)
	return err
}

// ValueSource says which part of a record's value is the object that is stored.
type ValueSource struct{ source }

// UnmarshalText parses "whole" or "field:PATH", where PATH begins in the whole
// value, with or without a leading slash.
func (s *ValueSource) UnmarshalText(text []byte) (err error) {
	s.source, err = parseSource(string(text), "whole or field:PATH", sourceWhole, sourceField)
	return err
}

func parseSource(s, want string, kinds ...sourceKind) (source, error) {
	word, name, named := strings.Cut(s, ":")
	src := source{kind: sourceKinds[word], name: name, text: s}
	if !slices.Contains(kinds, src.kind) || named != src.kind.named() {
		return source{}, fmt.Errorf("want %s", want)
	}
	if err := src.check(); err != nil {
		return source{}, fmt.Errorf("%w: want %s", err, want)
	}
	return src, nil
}

// sourceKinds are the kinds by the word that they begin with; others are sourceUnset.
var sourceKinds = map[string]sourceKind{
	"topic": sourceTopic, "key": sourceKey, "offset": sourceOffset, "whole": sourceWhole,
	"static": sourceStatic, "header": sourceHeader, "field": sourceField,
}

// named reports whether the kind is followed by a colon and a name.
func (k sourceKind) named() bool { return k >= sourceStatic }

func (s source) check() error {
	switch {
	case s.kind == sourceStatic && !ValidNamespace(s.name):
		return errNamespaceForm
	case s.kind == sourceHeader && s.name == "":
		return errors.New("no header is named")
	case s.kind == sourceField && !utf8.ValidString(s.name):
		return errors.New("the path is not valid UTF-8")
	case s.kind == sourceField && slices.Contains(s.path(nil), ""):
		return errors.New("a part of the path is empty")
	}
	return nil
}

// path returns the keys that lead from the whole value to the source, which is a
// field. object is the path of the object that is stored.
func (s source) path(object []string) []string {
	if name, whole := strings.CutPrefix(s.name, "/"); whole {
		return strings.Split(name, ".")
	}
	return slices.Concat(object, strings.Split(s.name, "."))
}
