package config

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
)

// Effective returns the value of a setting that is in force, as it may be
// printed: of a secret "[redacted]" or "(file: path)", and "" when unset.
func (c *Config) Effective(s Setting) string { return c.effective[s.Variable] }

// Describe writes a line for each setting with its default and the value in
// force.
func (c *Config) Describe(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VARIABLE\tDEFAULT\tVALUE")
	for _, s := range Settings() {
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.Variable, orDash(s.Default), orDash(c.Effective(s)))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// Markdown returns the table of settings that the README holds.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning |\n|---|---|---|\n")
	for _, s := range Settings() {
		name := "`" + s.Variable + "`"
		if file := s.FileVariable(); file != "" {
			name += " or `" + file + "`"
		}
		def := "–"
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, def, meaning(s))
	}
	return b.String()
}

// namedVariable matches the variables that a meaning mentions.
var namedVariable = regexp.MustCompile(`\b[A-Z]+(_[A-Z]+)+\b`)

// meaning is the setting's description with what is accepted, for Markdown.
func meaning(s Setting) string {
	text := strings.NewReplacer("|", `\|`, "*", `\*`).Replace(s.Meaning)
	text = namedVariable.ReplaceAllString(text, "`$0`")
	if s.OneOf != nil {
		text += " One of `" + strings.Join(s.OneOf, "`, `") + "`."
	}
	return text
}
