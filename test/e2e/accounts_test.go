package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kafka-import-bridge/internal/sandbox"
)

// expect waits until metrics are what is known from outside of the bridge. A key is a
// metric's name without its prefix, and labels behind it.
func (b *bridge) expect(want map[string]float64) {
	b.w.t.Helper()
	var wrong string
	defer func() {
		if wrong != "" {
			b.w.t.Log(wrong)
		}
	}()
	b.w.eventually("the metrics are what they should be", func() bool {
		_, text := b.get("/metrics")
		wrong = ""
		for _, series := range slices.Sorted(maps.Keys(want)) {
			words := strings.Fields(series)
			if got := sumSeries(text, "bridge_"+words[0], words[1:]...); got != want[series] {
				wrong += fmt.Sprintf("%s is %v, want %v\n", series, got, want[series])
			}
		}
		return wrong == ""
	})
}

// answers waits until a page has a status.
func (b *bridge) answers(path string, want int) {
	b.w.t.Helper()
	b.w.eventually(fmt.Sprintf("%s of %s answers %d", path, b, want), func() bool { status, _ := b.get(path); return status == want })
}

// expectLog requires texts of the log of a bridge that has stopped.
func (b *bridge) expectLog(texts ...string) {
	b.w.t.Helper()
	for _, text := range texts {
		if !b.says(text) {
			b.w.t.Errorf("the log of %s does not say %q", b, text)
		}
	}
}

// objects is how many objects the store has, and their bytes.
func (w *world) objects() (n, size float64) {
	for _, o := range w.api.Objects() {
		n++
		size += float64(o.Bytes)
	}
	return n, size
}

// importedLine is the log line of an import.
type importedLine struct {
	Message   string `json:"msg"`
	Namespace string `json:"namespace"`
	RequestID string `json:"request_id"`
	Records   int    `json:"records"`
	Bytes     int64  `json:"bytes"`
	Reason    string `json:"reason"`
	Attempts  int    `json:"attempts"`
	Duration  string `json:"duration"`
	Offsets   string `json:"offsets"`
}

// reconcile requires that the log alone says which import has which record: the i-th
// record of the topic, which went to namespaces[i], is in the offsets of one import of
// that namespace, and the imports are those that the store has.
func (w *world) reconcile(b *bridge, namespaces []string) {
	w.t.Helper()
	stored := map[string]sandbox.Object{}
	for _, o := range w.api.Objects() {
		stored[o.RequestID] = o
	}
	held := map[string]int{} // imports by namespace, partition and offset
	for text := range strings.Lines(b.logged()) {
		var line importedLine
		if json.Unmarshal([]byte(text), &line) != nil || line.Message != "imported" {
			continue
		}
		o, ok := stored[line.RequestID]
		delete(stored, line.RequestID)
		if !ok || o.Namespace != line.Namespace || o.Lines != line.Records || o.Bytes != line.Bytes || line.Reason == "" || line.Attempts == 0 || line.Duration == "" {
			w.t.Errorf("the log says %s of what is stored as %+v", text, o)
		}
		for piece := range strings.FieldsSeq(line.Offsets) {
			var partition, first, last int
			if _, err := fmt.Sscanf(strings.TrimPrefix(piece, w.topic), "/%d@%d-%d", &partition, &first, &last); err != nil {
				w.t.Fatalf("offsets %q: %v", piece, err)
			}
			for offset := first; offset <= last; offset++ {
				held[fmt.Sprint(line.Namespace, "/", partition, "@", offset)]++
			}
		}
	}
	if len(stored) > 0 {
		w.t.Errorf("%d imports are not in the log", len(stored))
	}
	for i, namespace := range namespaces {
		if n := held[fmt.Sprint(namespace, "/", i%w.partitions, "@", i/w.partitions)]; n != 1 {
			w.t.Fatalf("record %d, of %s, is in the offsets of %d imports, want 1", i, namespace, n)
		}
	}
}
