package e2e

import (
	"os"
	"slices"
	"testing"

	"kafka-import-bridge/test/truth"
)

// TestHarness_judgesAStandIn shows that the whole chain of broker, import API,
// sampler and truth finds what a faulty bridge does, and nothing else.
func TestHarness_judgesAStandIn(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		mode string
		want []truth.Kind
	}{
		{standInCorrect, nil},
		{standInLoses, []truth.Kind{truth.CommitAhead, truth.Lost}},
		{standInRepeats, []truth.Kind{truth.Repeated}},
		{standInAlters, []truth.Kind{truth.CommitAhead, truth.Lost, truth.Unexpected}},
		{standInReorder, []truth.Kind{truth.Reordered, truth.Stale}},
		{standInEarly, []truth.Kind{truth.CommitAhead}},
	} {
		t.Run(tc.mode, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			w.produce(load{records: 500})
			unseen := newBarrier(t)
			if tc.mode == standInEarly { // nothing is stored until the commit is seen
				w.setHook(atCreate(unseen))
			}
			b := w.launchBinary(self, environment{"STAND_IN": tc.mode})
			if tc.mode == standInEarly {
				w.eventually("the early commit is seen", func() bool { return w.truth.Committed(w.topic, 0)+w.truth.Committed(w.topic, 1) > 0 })
			}
			unseen.open()
			w.eventually("the stand-in has stored its part", func() bool { return w.truth.Lines() >= 499 })
			w.waitCommitted(w.topic)
			b.stop()
			w.sampled()
			w.judged = true
			var got []truth.Kind
			for _, f := range w.truth.Faults() {
				got = append(got, f.Kind)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("found %v, want %v", w.truth.Faults(), tc.want)
			}
			if v := w.api.Violations(); len(v) > 0 {
				t.Errorf("violations of a client that speaks the API correctly: %v", v)
			}
		})
	}
}

func TestScandals_areFound(t *testing.T) {
	for _, text := range []string{
		"key=" + secretKey, "password " + secretPassword, `{"text":"` + secretContent + `"}`,
		"https://store/x?X-Amz-Signature=00", "panic: no", "WARNING: DATA RACE", "fatal error: all goroutines are asleep",
	} {
		if len(scandals("before "+text+" after")) != 1 {
			t.Errorf("%q is not found", text)
		}
	}
	if found := scandals("level=info msg=stored namespace=ns-01"); found != nil {
		t.Errorf("found %q in an innocent line", found)
	}
}

func TestSumSeries_readsTheTextFormat(t *testing.T) {
	const text = `# HELP bridge_x_total help bridge_x_total 9
# TYPE bridge_x_total counter
bridge_x_total{topic="a",reason="r"} 1
bridge_x_total{topic="b",reason="r"} 2.5
bridge_x_totals 100
bridge_plain 1e+06
`
	for _, tc := range []struct {
		name   string
		labels []string
		want   float64
	}{
		{"bridge_x_total", nil, 3.5},
		{"bridge_x_total", []string{`topic="b"`}, 2.5},
		{"bridge_x_total", []string{`topic="b"`, `reason="q"`}, 0},
		{"bridge_plain", nil, 1e6},
		{"bridge_absent", nil, 0},
	} {
		if got := sumSeries(text, tc.name, tc.labels...); got != tc.want {
			t.Errorf("%s%v is %v, want %v", tc.name, tc.labels, got, tc.want)
		}
	}
}
