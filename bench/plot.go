package main

import (
	"fmt"
	"strings"
)

// Measures of the plot in pixels.
const (
	plotWidth, labelWidth, barHeight, barGap = 720, 150, 16, 5
	panelGap, titleHeight                    = 24, 26
)

// colours of the subjects, told apart by everyone; the names stand beside them.
var colours = map[string]string{"bridge": "#0072b2", "other build": "#56b4e9", "straight line": "#999999", "Bento": "#e69f00"}

// plot draws the medians as two panels of bars.
func (b *bench) plot() string {
	var s strings.Builder
	panel := titleHeight + len(b.results)*(barHeight+barGap) + panelGap
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, 2*panel)
	s.WriteString(`<rect width="100%" height="100%" fill="white"/>` + "\n")
	b.panel(&s, 0, "MB/s (more is better)", "%.0f", func(f figures) float64 { return f.mbps })
	b.panel(&s, panel, "CPU seconds per GB (less is better)", "%.2f", func(f figures) float64 { return f.cpuPerGB })
	s.WriteString("</svg>\n")
	return s.String()
}

func (b *bench) panel(s *strings.Builder, top int, title, format string, get func(figures) float64) {
	most := 0.0
	for i := range b.results {
		most = max(most, get(b.results[i].median()))
	}
	fmt.Fprintf(s, `<text x="4" y="%d" font-weight="bold">%s</text>`+"\n", top+17, title)
	for i := range b.results {
		r := &b.results[i]
		value, y := get(r.median()), top+titleHeight+i*(barHeight+barGap)
		width := 0.0
		if most > 0 {
			width = value / most * (plotWidth - labelWidth - 60)
		}
		fmt.Fprintf(s, `<text x="4" y="%d">%s, %s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">`+format+"</text>\n",
			y+12, r.subject, r.codec, labelWidth, y, width, barHeight, colours[r.subject], labelWidth+width+6, y+12, value)
	}
}
