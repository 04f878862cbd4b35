package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

const (
	maxBars  = 12 // namespaces drawn
	barWidth = 32
)

// screen draws progress: a block that is redrawn on a terminal, one plain line
// each time elsewhere. Not safe for concurrent use.
type screen struct {
	out      io.Writer
	terminal bool
	drawn    int // lines of the block on the terminal now
	begin    time.Time
	last     string // the last plain line: an equal one is not repeated
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out, begin: time.Now()}
	if file, ok := out.(*os.File); ok {
		info, err := file.Stat()
		s.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	return s
}

// printf writes below what is drawn, which then stays.
func (s *screen) printf(format string, args ...any) {
	s.drawn = 0
	fmt.Fprintf(s.out, format, args...)
}

// progress is one picture.
type progress struct {
	reading
	records    int // produced
	namespaces []sandbox.NamespaceCount
	batches    int64
	bytes      int64
}

func (d *demo) draw(r reading) {
	d.screen.draw(progress{r, d.feed.Produced(), d.tally.Namespaces(), d.batches.Load(), d.bytes.Load()})
}

func (s *screen) draw(p progress) {
	stored := 0
	for _, n := range p.namespaces {
		stored += n.Stored
	}
	line := fmt.Sprintf("produced %7d records   stored %7d lines in %4d batches, %6.1f MB   lag %6d   buffered %6.1f KB",
		p.records, stored, p.batches, float64(p.bytes)/1e6, p.lag, float64(p.buffer)/1e3)
	if !s.terminal {
		if line != s.last {
			s.last = line
			fmt.Fprintf(s.out, "%5.1fs  %s\n", time.Since(s.begin).Seconds(), line)
		}
		return
	}
	block := append([]string{line, ""}, bars(p.namespaces)...)
	var text strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&text, "\x1b[%dA", s.drawn)
	}
	for _, l := range block {
		text.WriteString("\x1b[2K" + l + "\n")
	}
	s.drawn = max(s.drawn, len(block))
	fmt.Fprint(s.out, text.String())
}

// bars draws the largest namespaces: what is stored, and what is still under way.
func bars(namespaces []sandbox.NamespaceCount) []string {
	if len(namespaces) == 0 || namespaces[0].Produced == 0 {
		return nil
	}
	var lines []string
	scale := float64(barWidth) / float64(namespaces[0].Produced)
	for _, n := range namespaces[:min(maxBars, len(namespaces))] {
		stored := int(float64(n.Stored) * scale)
		owed := max(int(float64(n.Produced)*scale)-stored, 0)
		lines = append(lines, fmt.Sprintf("  %-20s %s%s%s %6d of %d", n.Namespace,
			strings.Repeat("█", stored), strings.Repeat("░", owed), strings.Repeat(" ", barWidth-stored-owed), n.Stored, n.Produced))
	}
	if more := len(namespaces) - maxBars; more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more namespaces", more))
	}
	return lines
}

// verdict prints the table, and examples of what went wrong.
func (s *screen) verdict(v *verdict) {
	s.printf("\n")
	for _, row := range v.rows {
		mark := "ok  "
		if !row.ok {
			mark = "FAIL"
		}
		s.printf("  %s  %-46s %s\n", mark, row.what, row.detail)
	}
	if !v.report.OK() {
		s.printf("\n%s\n", v.report)
	}
}
