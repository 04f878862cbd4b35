package manual

import (
	"fmt"
	"strings"
)

// Roff returns the manual as a page of section 1 for man(1). The date is that
// of the release, as in 2026-11-29, and version its name.
func (m Manual) Roff(date, version string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 %q %q\n", strings.ToUpper(m.Program), date, m.Program+" "+version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", m.Program, escape(m.Purpose))
	b.WriteString(".SH SYNOPSIS\n.PD 0\n") // no space between the lines
	for _, c := range m.Commands {
		term(&b, m.Program, c.synopsis())
	}
	b.WriteString(".PD\n.SH DESCRIPTION\n")
	for i, paragraph := range m.Description {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		b.WriteString(line(paragraph))
	}
	b.WriteString(".SH COMMANDS\n")
	for _, c := range m.Commands {
		term(&b, strings.Join(append([]string{c.Name}, c.Args...), " "), c.About)
		if len(c.Flags) > 0 {
			b.WriteString(".RS\n")
			for _, f := range c.Flags {
				term(&b, f.synopsis(), f.Usage)
			}
			b.WriteString(".RE\n")
		}
	}
	for _, s := range m.Sections {
		fmt.Fprintf(&b, ".SH %s\n", s.Title)
		for i, block := range s.Blocks {
			block.roff(&b, i == 0)
		}
	}
	return b.String()
}

// roff writes a block. The first of a section needs no space above it.
func (k Block) roff(b *strings.Builder, first bool) {
	for _, t := range k.Terms {
		term(b, t.Word, t.Meaning)
	}
	if !first && len(k.Terms) == 0 {
		b.WriteString(".PP\n")
	}
	if len(k.Lines) > 0 {
		b.WriteString(".nf\n")
		for _, l := range k.Lines {
			b.WriteString(line(l))
		}
		b.WriteString(".fi\n")
	}
	if k.Text != "" {
		b.WriteString(line(k.Text))
	}
}

func term(b *strings.Builder, word, meaning string) {
	fmt.Fprintf(b, ".TP\n\\fB%s\\fR\n%s", escape(word), line(meaning))
}

// line returns a line of text, marked so that one that begins like a request of roff is
// not taken for one.
func line(text string) string {
	text = escape(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text + "\n"
}

// escape keeps what roff would read otherwise, and the minus signs of what is
// meant to be copied.
func escape(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
}
