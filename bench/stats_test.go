package main

import "testing"

func TestSpreadOf(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []float64
		want spread
	}{
		{"nothing", nil, spread{}},
		{"one figure is everything", []float64{3}, spread{3, 3, 3}},
		{"the middle of an odd number", []float64{9, 1, 5}, spread{5, 1, 9}},
		{"the mean of the two in the middle", []float64{4, 1, 2, 9}, spread{3, 1, 9}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := spreadOf(tc.in); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestSpreadOf_leavesItsInputAlone(t *testing.T) {
	in := []float64{3, 1, 2}
	spreadOf(in)
	if in[0] != 3 || in[2] != 2 {
		t.Errorf("the runs are in another order now: %v", in)
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for _, tc := range []struct {
		in   []int
		q    float64
		want int
	}{{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1}, {[]int{7}, 0.99, 7}, {[]int{1, 2}, 0.99, 2}} {
		if got := quantile(tc.in, tc.q); got != tc.want {
			t.Errorf("quantile %v of %d values is %d, want %d", tc.q, len(tc.in), got, tc.want)
		}
	}
}

func TestRatios_areTakenRunByRun(t *testing.T) {
	// The second run of both was disturbed: medians apart would tell 10/4.
	if got := ratios([]float64{10, 2, 20}, []float64{5, 1, 4}); got != (spread{2, 2, 5}) {
		t.Errorf("got %v", got)
	}
	if got := ratios([]float64{10, 2}, []float64{0}); got != (spread{}) {
		t.Errorf("a division by zero yields %v", got)
	}
}
