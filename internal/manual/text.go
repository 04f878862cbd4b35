package manual

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// width is that of a line of text.
const width = 79

// Usage returns how each command is called, one a line.
func (m Manual) Usage() string {
	var b strings.Builder
	for i, c := range m.Commands {
		start := "usage:"
		if i > 0 {
			start = "      "
		}
		hanging(&b, start+" "+m.Program+" ", c.synopsis())
	}
	return b.String()
}

// Text returns the manual for a terminal.
func (m Manual) Text() string {
	var b strings.Builder
	b.WriteString("NAME\n")
	wrapped(&b, 4, m.Program+" - "+m.Purpose)
	b.WriteString("\nSYNOPSIS\n")
	for _, c := range m.Commands {
		hanging(&b, "    "+m.Program+" ", c.synopsis())
	}
	b.WriteString("\nDESCRIPTION\n")
	for i, paragraph := range m.Description {
		if i > 0 {
			b.WriteByte('\n')
		}
		wrapped(&b, 4, paragraph)
	}
	b.WriteString("\nCOMMANDS\n")
	for i, c := range m.Commands {
		if i > 0 {
			b.WriteByte('\n')
		}
		wrapped(&b, 4, strings.Join(append([]string{c.Name}, c.Args...), " "))
		wrapped(&b, 8, c.About)
		for _, f := range c.Flags {
			wrapped(&b, 8, f.synopsis())
			wrapped(&b, 12, f.Usage)
		}
	}
	for _, s := range m.Sections {
		fmt.Fprintf(&b, "\n%s\n", s.Title)
		for i, block := range s.Blocks {
			if i > 0 {
				b.WriteByte('\n')
			}
			block.text(&b)
		}
	}
	return b.String()
}

func (k Block) text(b *strings.Builder) {
	longest := 0
	for _, t := range k.Terms {
		longest = max(longest, utf8.RuneCountInString(t.Word))
	}
	for _, t := range k.Terms {
		hanging(b, fmt.Sprintf("    %-*s  ", longest, t.Word), t.Meaning)
	}
	for _, line := range k.Lines {
		b.WriteString("    " + line + "\n")
	}
	if k.Text != "" {
		wrapped(b, 4, k.Text)
	}
}

// wrapped writes text in lines that begin with indent spaces.
func wrapped(b *strings.Builder, indent int, text string) {
	hanging(b, strings.Repeat(" ", indent), text)
}

// hanging writes text behind start, and further lines below where it began. A
// bracketed flag is not torn apart.
func hanging(b *strings.Builder, start, text string) {
	indent := utf8.RuneCountInString(start)
	b.WriteString(start)
	column := indent
	for i, word := range words(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+length > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	b.WriteByte('\n')
}

// words splits text at its spaces, but not inside of brackets.
func words(text string) []string {
	var all []string
	for _, word := range strings.Fields(text) {
		if n := len(all); n > 0 && strings.HasPrefix(all[n-1], "[-") && !strings.HasSuffix(all[n-1], "]") {
			all[n-1] += " " + word
			continue
		}
		all = append(all, word)
	}
	return all
}
