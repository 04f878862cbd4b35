package budget

import (
	"cmp"
	"slices"
)

// Holder is a namespace in trouble that could give its memory to others.
type Holder[N any] struct {
	Namespace N
	Bytes     int64 // what would be free
	// Evidence says that something was stored since its trouble began: others
	// do succeed.
	Evidence bool
}

// Victims returns the holders that give way so that need bytes become free,
// largest first, at most most of them. Those with evidence come first. Those
// without give way one at a time and only where taste says so, as each of them
// may turn out to be read twice for nothing. The order of holders changes.
func Victims[N any](holders []Holder[N], need int64, most int, taste bool) []Holder[N] {
	slices.SortFunc(holders, func(a, b Holder[N]) int {
		return cmp.Or(order(a)-order(b), cmp.Compare(b.Bytes, a.Bytes))
	})
	n := 0
	for n < len(holders) && n < most && need > 0 {
		h := holders[n]
		if h.Bytes <= 0 || !h.Evidence && (n > 0 || !taste) {
			break
		}
		need -= h.Bytes
		n++
	}
	return holders[:n]
}

func order[N any](h Holder[N]) int {
	if h.Evidence {
		return 0
	}
	return 1
}
