package main

import (
	"cmp"
	"math"
	"slices"
)

// spread is the median of some figures, the least and the most.
type spread struct{ median, min, max float64 }

// spreadOf sums figures up; no figures give zeros.
func spreadOf(all []float64) spread {
	if len(all) == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return spread{median: (sorted[(n-1)/2] + sorted[n/2]) / 2, min: sorted[0], max: sorted[n-1]}
}

// quantile is the smallest value that at least the share q of all do not
// exceed; sorted must not be empty.
func quantile[T cmp.Ordered](sorted []T, q float64) T {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

// ratios divides run by run. Runs of one number were made one after another, so
// that what disturbed the machine meanwhile disturbed both.
func ratios(above, below []float64) spread {
	var all []float64
	for i := range min(len(above), len(below)) {
		if below[i] > 0 {
			all = append(all, above[i]/below[i])
		}
	}
	return spreadOf(all)
}
