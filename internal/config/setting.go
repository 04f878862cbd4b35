package config

import (
	"cmp"
	"log/slog"
	"reflect"
	"strings"
	"time"

	"kafka-import-bridge/internal/record"
)

// Kind names the form of a setting's value.
type Kind string

const (
	KindString   Kind = "string"
	KindList     Kind = "list"     // comma-separated
	KindInteger  Kind = "integer"  // decimal
	KindBoolean  Kind = "boolean"  // true or false
	KindDuration Kind = "duration" // Go syntax
	KindSize     Kind = "size"     // bytes, or with a unit
	KindEnum     Kind = "enum"     // one of OneOf
	KindRegexp   Kind = "regexp"   // RE2, anchored
	KindURL      Kind = "url"      // absolute, http or https
	KindSecret   Kind = "secret"   // never shown; has a _FILE twin
)

// Setting describes one environment variable.
type Setting struct {
	Variable string // its name
	Kind     Kind
	Default  string   // "" when there is none
	Required bool     // must be set (a secret: itself or its twin)
	OneOf    []string // the accepted words of an enum
	Min, Max string   // inclusive bounds, "" for none, written like a value
	Meaning  string   // one paragraph, plain text
	Section  string   // the heading under which it is documented
	Form     string   // of a secret's text: "headers", or "" for one line
	Pattern  string   // of a text of KindString, roughly: a regular expression; "" for any

	only       string // VARIABLE or VARIABLE=value, without which it has no effect; "" for none
	requiredBy string // VARIABLE=value|value, with which it must be set; "" for none
	index      []int  // of the field in Config
}

// Secret reports whether the setting is a secret, whose value is never shown.
func (s Setting) Secret() bool { return s.Kind == KindSecret }

// FileVariable returns the name of a secret's _FILE twin, or "".
func (s Setting) FileVariable() string {
	if !s.Secret() {
		return ""
	}
	return s.Variable + fileSuffix
}

// check returns the function that says why a text cannot be this secret.
func (s Setting) check() func(string) error {
	if s.Form == formHeaders {
		return headersFault
	}
	return secretFault
}

const (
	fileSuffix  = "_FILE"
	formHeaders = "headers"
)

// Settings returns every setting in the order in which they are documented.
func Settings() []Setting { return settingsOf(reflect.TypeFor[Config](), "", nil) }

// settingsOf collects the tagged fields of t, a struct found at index whose
// settings belong to section.
func settingsOf(t reflect.Type, section string, index []int) []Setting {
	var settings []Setting
	for i := range t.NumField() {
		field := t.Field(i)
		at := append(index[:len(index):len(index)], i)
		switch name := field.Tag.Get("envconfig"); {
		case name != "":
			settings = append(settings, settingOf(name, section, field, at))
		case field.IsExported() && field.Type.Kind() == reflect.Struct:
			settings = append(settings, settingsOf(field.Type, cmp.Or(field.Tag.Get("section"), section), at)...)
		}
	}
	return settings
}

func settingOf(name, section string, field reflect.StructField, index []int) Setting {
	s := Setting{
		Variable: name,
		Kind:     kindOf(field.Type),
		Default:  field.Tag.Get("default"),
		Required: field.Tag.Get("required") == "true",
		Min:      field.Tag.Get("min"),
		Max:      field.Tag.Get("max"),
		Meaning:  field.Tag.Get("desc"),
		Section:  section,
		Form:     field.Tag.Get("form"),
		Pattern:  field.Tag.Get("pattern"),
		index:    index,

		only:       field.Tag.Get("only"),
		requiredBy: field.Tag.Get("requiredby"),
	}
	if words := field.Tag.Get("oneof"); words != "" {
		s.Kind, s.OneOf = KindEnum, strings.Split(words, "|")
	}
	return s
}

func kindOf(t reflect.Type) Kind {
	switch t {
	case reflect.TypeFor[Secret]():
		return KindSecret
	case reflect.TypeFor[Size]():
		return KindSize
	case reflect.TypeFor[time.Duration]():
		return KindDuration
	case reflect.TypeFor[List](), reflect.TypeFor[SkipRecords](), reflect.TypeFor[record.Map](), reflect.TypeFor[SASLExtensions]():
		return KindList
	case reflect.TypeFor[Regexp]():
		return KindRegexp
	case reflect.TypeFor[URL]():
		return KindURL
	case reflect.TypeFor[slog.Level]():
		return KindEnum
	}
	switch t.Kind() {
	case reflect.Bool:
		return KindBoolean
	case reflect.Int:
		return KindInteger
	}
	return KindString
}
