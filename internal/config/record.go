package config

import (
	"strings"

	"kafka-import-bridge/internal/record"
)

// ValueSource selects the part of a record's value that is the object.
type ValueSource struct{ record.Source }

// Decode parses whole or field:PATH.
func (s *ValueSource) Decode(text string) (err error) {
	s.Source, err = record.ParseValueSource(text)
	return err
}

// NamespaceSource selects the part of a record that names its namespaces.
type NamespaceSource struct{ record.Source }

// Decode parses topic, key, static:NAME, header:NAME or field:PATH.
func (s *NamespaceSource) Decode(text string) (err error) {
	s.Source, err = record.ParseNamespaceSource(text)
	return err
}

// IsTopic reports whether the topic's name is the namespace.
func (s NamespaceSource) IsTopic() bool { return s.String() == "topic" }

// Static returns the namespace of every record, if there is one.
func (s NamespaceSource) Static() (name string, ok bool) {
	return strings.CutPrefix(s.String(), "static:")
}

// IDSource selects the part of a record that is the line's id.
type IDSource struct{ record.Source }

// Decode parses field:PATH, key, header:NAME or offset.
func (s *IDSource) Decode(text string) (err error) {
	s.Source, err = record.ParseIDSource(text)
	return err
}
