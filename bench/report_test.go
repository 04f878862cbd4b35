package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// run is a run of 1 GB in so many seconds, of CPU time too, with so much memory.
func fakeRun(busy, cpu float64, mib int64) measured {
	return measured{
		produced: count{lines: 1e6, bytes: 1e9}, busy: time.Duration(busy * float64(time.Second)), elapsed: 5 * time.Second,
		cpu: time.Duration(cpu * float64(time.Second)), peakRSS: mib << 20, puts: 125, lines: 1e6, p50: time.Second / 2, p99: time.Second, delivered: 1000, sent: 20e6,
	}
}

func fakeResults(s *scenario, bridge, straight, bento []measured) []*result {
	return []*result{
		{scenario: s, subject: bridgeName, runs: bridge}, {scenario: s, subject: straightName, runs: straight}, {scenario: s, subject: bentoName, runs: bento},
	}
}

func standingOf(results []*result) standing {
	all := map[string]*result{}
	for _, r := range results {
		all[r.subject] = r
	}
	return stand(results[0].scenario, all, 256<<20)
}

func TestStanding(t *testing.T) {
	bulk, idle := &scenario{title: "lz4"}, &scenario{title: "idle", flow: &flow{bound: 900 * time.Millisecond}}
	gaveUp := fakeResults(bulk, []measured{fakeRun(1, 2, 200)}, []measured{fakeRun(1, 2, 400)}, nil)
	gaveUp[2].err = errors.New("not done after 2m0s")
	failed := fakeResults(bulk, nil, []measured{fakeRun(1, 2, 400)}, []measured{fakeRun(10, 15, 900)})
	failed[0].err = errors.New("ended early")
	for _, tc := range []struct {
		name    string
		results []*result
		want    string
	}{
		{"everything is met", fakeResults(bulk, []measured{fakeRun(1, 2, 320)}, []measured{fakeRun(1, 2, 400)}, []measured{fakeRun(4, 12.01, 900)}), "met"},
		{"not fast enough", fakeResults(bulk, []measured{fakeRun(2, 2, 200)}, []measured{fakeRun(1.5, 2, 400)}, []measured{fakeRun(6, 15, 900)}),
			"missed: throughput over Bento by 25 %; throughput over the straight line by 25 %"},
		{"too much CPU time", fakeResults(bulk, []measured{fakeRun(1, 3, 200)}, []measured{fakeRun(1, 2, 400)}, []measured{fakeRun(6, 15, 900)}), "missed: CPU time over Bento by 20 %"},
		{"too much memory in one run of three", fakeResults(bulk, []measured{fakeRun(1, 2, 200), fakeRun(1, 2, 352), fakeRun(1, 2, 200)}, []measured{fakeRun(1, 2, 4)}, []measured{fakeRun(6, 15, 9)}),
			"missed: memory by 10 %, not in every run"},
		{"a peer that does not finish is slower", gaveUp, "met"},
		{"the bridge failed", failed, "bridge failed"},
		{"only just too slow", fakeResults(bulk, []measured{fakeRun(1, 2, 200)}, []measured{fakeRun(0.999, 2, 400)}, []measured{fakeRun(6, 15, 900)}),
			"missed: throughput over the straight line by less than 1 %"},
		{"late", fakeResults(idle, []measured{fakeRun(1, 2, 100)}, nil, nil), "missed: p99 by 11 %"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := standingOf(tc.results)
			if got := s.verdict(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// Beside a straight line that keeps the order, that is the mark.
func TestStanding_straightLineInOrder(t *testing.T) {
	slow := &scenario{title: "slow"}
	results := fakeResults(slow, []measured{fakeRun(2, 2, 200)}, []measured{fakeRun(1, 2, 400)}, []measured{fakeRun(8, 15, 900)})
	results = append(results, &result{scenario: slow, subject: orderedName, runs: []measured{fakeRun(2, 2, 400)}})
	if s := standingOf(results); s.verdict() != "met" {
		t.Errorf("got %q", s.verdict())
	}
}

func fakeReport(t *testing.T) *report {
	t.Helper()
	o, err := parse([]string{"-runs", "3", "-scenarios", "lz4,latency"})
	if err != nil {
		t.Fatal(err)
	}
	bulk, live := &o.scenarios[0], &o.scenarios[1]
	runs := []measured{fakeRun(1, 2, 200), fakeRun(2, 2, 210), fakeRun(1.25, 2, 205)}
	results := fakeResults(bulk, runs, []measured{fakeRun(1, 2, 400)}, []measured{fakeRun(10, 15, 900)})
	results[2].runs, results[2].err = nil, errors.New("not done after 2m0s: 7 of 9 | lines stored (its log is /tmp/x)")
	results = append(results, fakeResults(live, runs, runs, runs)...)
	p := place{at: time.Unix(0, 0), cpus: 2, load: "0.10 0.20 0.30", commit: "abc"}
	return &report{options: o, results: results, before: p, after: p, kafka: "a Kafka"}
}

func TestReport_tellsMediansAndSpreads(t *testing.T) {
	text := fakeReport(t).markdown()
	for _, want := range []string{
		"| codec lz4 | bridge | 800 (500–1000) | 800000 | 5.0 | 2.00 | 205 (200–210) | 125 | 8.00 | 3000000 of 3000000 | 0 |",
		"| codec lz4 | Bento | failed: not done after 2m0s: 7 of 9 / lines stored |",
		"| codec lz4 | Bento did not finish | 1.00 | Bento did not finish | 210 | met |",
		"p99 1.00 of Bento's; p99 1.00 of straight line's; RSS ≤ 320 MiB: met |",
		"| 20 MB/s, live | bridge | 20.00 | 500 | 1000 | 1000 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no\n%s\nin\n%s", want, text)
		}
	}
	if strings.Contains(text, "Beside the other build") {
		t.Error("compares with another build, and there is none")
	}
	if strings.Contains(text, "not quiet") {
		t.Error("warns of a quiet machine")
	}
}

func TestReport_comparesWithTheOtherBuild(t *testing.T) {
	r := fakeReport(t)
	r.options.against = "bridge"
	s := r.results[0].scenario
	r.results = append(r.results, &result{scenario: s, subject: againstName, runs: []measured{fakeRun(2, 4, 200), fakeRun(4, 4, 200), fakeRun(2.5, 4, 200)}})
	want := "| codec lz4 | 2.00 | 0.50 | 1.02 (1.00–1.05) | 1.00 | 16.00 | 32.00 |"
	if text := r.markdown(); !strings.Contains(text, want) {
		t.Errorf("there is no\n%s\nin\n%s", want, text)
	}
}

// Each row of a table has as many cells as its head.
func TestReport_tablesAreWellFormed(t *testing.T) {
	cells := 0
	for line := range strings.Lines(fakeReport(t).markdown()) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(line, "|")
		if cells == 0 {
			cells = n
		}
		if n != cells {
			t.Errorf("%d bars instead of %d in %s", n, cells, line)
		}
	}
}

func TestReport_warnsOfABusyMachine(t *testing.T) {
	r := fakeReport(t)
	r.before.load = "3.10 0.20 0.30"
	if !strings.Contains(r.markdown(), "not quiet: load average 3.1 on 2 CPUs") {
		t.Error("says nothing")
	}
}

func TestReport_isWritten(t *testing.T) {
	dir := t.TempDir()
	if err := fakeReport(t).write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"RESULTS.md", "results.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlot_hasABarForEachResult(t *testing.T) {
	bars, whiskers, failed := 0, 0, 0
	d := xml.NewDecoder(strings.NewReader(fakeReport(t).plot()))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			if e.Name.Local == "rect" {
				bars++
			}
			if e.Name.Local == "path" {
				whiskers++
			}
		case xml.CharData:
			if string(e) == "failed" {
				failed++
			}
		}
	}
	// The background, three panels of two subjects that finished, one of three.
	if bars != 1+3*2+3 || failed != 3 {
		t.Errorf("%d rectangles and %d failures", bars, failed)
	}
	if whiskers != 2 {
		t.Errorf("%d whiskers, want those of the two figures of the bridge that vary", whiskers)
	}
}

func TestBentoVersion(t *testing.T) {
	if got := bentoVersion(filepath.Join("peers", "bento", "go.mod")); !strings.HasPrefix(got, "v1.") {
		t.Errorf("got %q", got)
	}
}
