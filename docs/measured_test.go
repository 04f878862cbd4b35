package docs

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// measured are the tables of a file that bench has written, by the first cells of a row
// and the name of a column. A cell holds a median, perhaps with the least and the most
// in brackets.
type measured map[string]map[string]string

func measurements(t *testing.T, file string) measured {
	t.Helper()
	out := measured{}
	var columns []string
	for line := range strings.Lines(read(t, file)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) < 2:
			columns = nil
		case columns == nil:
			columns = cells
		case len(cells) == len(columns):
			row := cells[0]
			if columns[1] == "subject" {
				row += ", " + cells[1]
			}
			if out[row] == nil {
				out[row] = map[string]string{}
			}
			for i, name := range columns {
				name, _, _ = strings.Cut(name, " (≥")
				name, _, _ = strings.Cut(name, " (≤")
				out[row][name] = cells[i]
			}
		}
	}
	return out
}

// figure returns the median of a cell in a format.
func (m measured) figure(t *testing.T, row, column, format string) string {
	t.Helper()
	text, _, _ := strings.Cut(m[row][column], " ")
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Errorf("%s of %s: %v", column, row, err)
	}
	return fmt.Sprintf(format, value)
}

// What the documents say of the last measurements is what bench has written.
func TestMeasurements_areQuotedAsTheyAre(t *testing.T) {
	m := measurements(t, "../bench/RESULTS.md")
	lz4 := func(subject, column, format string) string { return m.figure(t, "codec lz4, "+subject, column, format) }
	ratio := func(row, column, format string) string { return m.figure(t, row, column, format) }
	const overBento, overLine, cpu = "MB/s over Bento's", "over the straight line's", "CPU over Bento's"
	network := func(format, row string) string { // by the columns of two tables, that beside the other build and the targets
		return fmt.Sprintf(format, m[row]["MB/s"], m[row][overLine], m[row][overBento], m[row]["CPU s/GB"])
	}
	for document, quotes := range map[string][]string{
		"comparison.md": {
			fmt.Sprintf("| MB/s | %s | %s (%s with text instead of JSON) | %s |", lz4("bridge", "MB/s", "%.0f"), lz4("Bento", "MB/s", "%.0f"), lz4("Bento by text", "MB/s", "%.0f"), lz4("straight line", "MB/s", "%.0f")),
			fmt.Sprintf("| CPU seconds per GB | %s | %s (%s) | %s |", lz4("bridge", "CPU s/GB", "%.2g"), lz4("Bento", "CPU s/GB", "%.2g"), lz4("Bento by text", "CPU s/GB", "%.2g"), lz4("straight line", "CPU s/GB", "%.2g")),
			fmt.Sprintf("| peak memory, MiB | %s | %s (%s) | %s |", lz4("bridge", "peak RSS MiB", "%.0f"), lz4("Bento", "peak RSS MiB", "%.0f"), lz4("Bento by text", "peak RSS MiB", "%.0f"), lz4("straight line", "peak RSS MiB", "%.0f")),
			fmt.Sprintf("| mean size of an import, MB | %s | %s | %s |", lz4("bridge", "mean MB", "%.1f"), lz4("Bento", "mean MB", "%.1f"), lz4("straight line", "mean MB", "%.1f")),
		},
		"scaling.md": {
			fmt.Sprintf("%s CPU seconds per GB uncompressed, %s with lz4, %s with zstd", ratio("codec none, bridge", "CPU s/GB", "%.2f"), lz4("bridge", "CPU s/GB", "%.2f"), ratio("codec zstd, bridge", "CPU s/GB", "%.2f")),
			fmt.Sprintf("**10,000 namespaces, against the straight line: %s of its throughput (%s times Bento's, at %s of its CPU time).**",
				ratio("10,000 namespaces", overLine, "%.2f"), ratio("10,000 namespaces", overBento, "%.1f"), ratio("10,000 namespaces", cpu, "%.2f")),
			fmt.Sprintf("%s times Bento; %s of a straight line that keeps the order too.**", ratio("store takes 100 ms per PUT", overBento, "%.1f"), ratio("store takes 100 ms per PUT", overLine, "%.2f")),
			fmt.Sprintf("**Records of 16 KiB: %s times Bento.**", m["records of 16 KiB"][overBento]),
			network("| 40 ms to API and store, 1 namespace | %[1]s | %[2]s | 0.39 | %[3]s | %[4]s |", "40 ms to API and store, 1 namespace"),
			network("| 40 ms to API and store, 20 even namespaces | %[1]s | %[2]s | 1.22 | %[3]s | %[4]s |", "40 ms to API and store, even namespaces"),
			network("| TLS to brokers, API and store | %[1]s | – | %[2]s | %[3]s | %[4]s |", "TLS to brokers, API and store"),
			network("| the store takes 100 ms | %[1]s | %[2]s | 0.75 | %[3]s | %[4]s |", "store takes 100 ms per PUT"),
			fmt.Sprintf("**TLS, and one namespace 40 ms away: %s and %s times Bento.**", ratio("TLS to brokers, API and store", overBento, "%.1f"), ratio("40 ms to API and store, 1 namespace", overBento, "%.1f")),
		},
	} {
		text := read(t, document)
		for _, quote := range quotes {
			if !strings.Contains(text, quote) {
				t.Errorf("%s does not say what bench/RESULTS.md does: %q", document, quote)
			}
		}
	}
}
