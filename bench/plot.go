package main

import (
	"fmt"
	"html"
	"strings"
)

// Measures of the plot in pixels.
const (
	plotWidth, labelWidth, valueWidth = 860, 290, 110
	barHeight, barGap, groupGap       = 13, 2, 7
	panelGap, titleHeight             = 22, 26
)

// colours of the subjects, told apart by everyone; the names stand beside them.
func colour(subject string) string {
	switch subject {
	case bridgeName:
		return "#0072b2"
	case againstName:
		return "#56b4e9"
	case straightName:
		return "#999999"
	case orderedName:
		return "#666666"
	case bentoTextName:
		return "#f0c878"
	default:
		return "#e69f00"
	}
}

// plot draws medians as bars, with the least and the most as whiskers.
func (r *report) plot() string {
	bulk, live := r.split()
	var body strings.Builder
	height := 0
	for _, p := range []struct {
		title, format string
		results       []*result
		get           metric
	}{
		{"A backlog: MB/s (more is better)", "%.0f", bulk, mbps},
		{"A backlog: CPU seconds per GB (less is better)", "%.2f", bulk, cpuPerGB},
		{"A backlog: peak RSS, MiB (less is better)", "%.0f", bulk, rssMiB},
		{"Live traffic: p99 from timestamp to stored, ms (less is better)", "%.0f", live, p99ms},
	} {
		if len(p.results) > 0 {
			height += panel(&body, height, p.title, p.format, p.results, p.get)
		}
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n"+
		`<rect width="100%%" height="100%%" fill="white"/>`+"\n%s</svg>\n", plotWidth, height, body.String())
}

// panel draws one figure of all results and returns its height.
func panel(s *strings.Builder, top int, title, format string, results []*result, get metric) int {
	most := 0.0
	for _, r := range results {
		most = max(most, r.spread(get).max)
	}
	fmt.Fprintf(s, `<text x="4" y="%d" font-weight="bold">%s</text>`+"\n", top+17, html.EscapeString(title))
	y := top + titleHeight
	for i, r := range results {
		if i > 0 && results[i-1].scenario != r.scenario {
			y += groupGap
		}
		bar(s, y, r, format, r.spread(get), most)
		y += barHeight + barGap
	}
	return y + panelGap - top
}

func bar(s *strings.Builder, y int, r *result, format string, v spread, most float64) {
	fmt.Fprintf(s, `<text x="4" y="%d">%s</text>`, y+11, html.EscapeString(r.scenario.title+", "+r.subject))
	if len(r.runs) == 0 || most <= 0 {
		fmt.Fprintf(s, `<text x="%d" y="%d" fill="#666666">failed</text>`+"\n", labelWidth, y+11)
		return
	}
	x := func(value float64) float64 { return labelWidth + value/most*(plotWidth-labelWidth-valueWidth) }
	fmt.Fprintf(s, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`, labelWidth, y, x(v.median)-labelWidth, barHeight, colour(r.subject))
	if v.min < v.max {
		fmt.Fprintf(s, `<path d="M%.1f %dH%.1f" stroke="black"/>`, x(v.min), y+barHeight/2, x(v.max))
	}
	fmt.Fprintf(s, `<text x="%.1f" y="%d">`+format+"</text>\n", x(v.max)+6, y+11, v.median)
}
