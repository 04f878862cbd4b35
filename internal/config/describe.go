package config

import (
	"cmp"
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
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.Variable, cmp.Or(s.Default, "-"), cmp.Or(c.Effective(s), "-"))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}

// documentHead opens docs/settings.md.
const documentHead = `<!-- Generated from internal/config: make generate writes it, bridge config -markdown prints it. -->
# Settings

The environment alone configures the bridge. These rules hold for every variable:

- An empty variable counts as unset.
- A name that begins with ` + "`BRIDGE_` or `SAFETYKIT_`" + ` and is not listed here is an error, so that a typing mistake cannot fall back to a default in silence.
- All mistakes are reported at once, each with the variable, its value (secrets never) and what is accepted. The exit code is then 2.
- Sizes are written ` + "`8388608`, `8MiB` or `8MB`; durations `500ms`, `30s` or `1h30m`" + `.
- A secret may come from a file: set the variable that ends in ` + "`_FILE`" + ` to its path. The file is read again when the secret is refused, so that rotating it needs no restart.

` + "`bridge config`" + ` prints every setting with its default and the value in force, and ` + "`bridge check`" + ` tries them. In the Helm chart the same names are the keys of ` + "`config`" + `.
`

// Markdown returns docs/settings.md: every setting, with a table for each
// section.
func Markdown() string {
	var b strings.Builder
	b.WriteString(documentHead)
	var sections []string
	in := map[string][]Setting{}
	for _, s := range Settings() {
		if in[s.Section] == nil {
			sections = append(sections, s.Section)
		}
		in[s.Section] = append(in[s.Section], s)
	}
	for _, section := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s", section, Table(in[section]))
	}
	return b.String()
}

// Table returns a Markdown table of the settings.
func Table(settings []Setting) string {
	var b strings.Builder
	b.WriteString("| variable | default | meaning |\n|---|---|---|\n")
	for _, s := range settings {
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

// meaning returns the setting's description with the accepted values, for Markdown.
func meaning(s Setting) string {
	text := strings.NewReplacer("|", `\|`, "*", `\*`).Replace(s.Meaning)
	text = namedVariable.ReplaceAllString(text, "`$0`")
	if s.OneOf != nil {
		text += " One of `" + strings.Join(s.OneOf, "`, `") + "`."
	}
	return text
}
