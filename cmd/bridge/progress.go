package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"kafka-import-bridge/internal/verify"
)

// progressLine shows on a terminal how far a verification is, in one line that is
// redrawn, and nothing anywhere else.
type progressLine struct {
	out   io.Writer // nil where there is no terminal
	drawn time.Time
}

// newProgressLine returns the line of a file that may be a terminal.
func newProgressLine(out *os.File) *progressLine {
	if info, err := out.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 || os.Getenv("TERM") == "dumb" {
		return &progressLine{}
	}
	return &progressLine{out: out}
}

// redrawn is how often the line changes at most.
const redrawn = 200 * time.Millisecond

// clearLine takes away what is drawn and leaves the cursor at the line's beginning.
const clearLine = "\r\x1b[K"

// draw shows how far the verification is.
func (l *progressLine) draw(p verify.Progress) {
	if l.out == nil || time.Since(l.drawn) < redrawn {
		return
	}
	l.drawn = time.Now()
	fmt.Fprintf(l.out, "%s%s\r", clearLine, progressText(p))
}

// clear takes the line away, so that what is printed next stands alone.
func (l *progressLine) clear() {
	if l.out != nil && !l.drawn.IsZero() {
		fmt.Fprint(l.out, clearLine)
	}
}

// progressText returns the line in words.
func progressText(p verify.Progress) string {
	if p.Total > 0 {
		return fmt.Sprintf("pass %d: %d %% of %d records, in %s", p.Pass, 100*p.Done/p.Total, p.Total, p.What)
	}
	return fmt.Sprintf("pass %d: %d records of %s", p.Pass, p.Done, p.What)
}
