package ledger

import "slices"

// Offsets is a set of offsets of one partition: runs in ascending order, none of
// which touches another.
type Offsets []Span

// With returns the set and the offsets from first to last.
func (o Offsets) With(first, last int64) Offsets {
	from, _ := find(o, first-1)
	to := from
	for ; to < len(o) && o[to].First <= last+1; to++ {
		first, last = min(first, o[to].First), max(last, o[to].Last)
	}
	return slices.Replace(slices.Clone(o), from, to, Span{First: first, Last: last})
}

// Hold reports whether all offsets from first to last are in the set.
func (o Offsets) Hold(first, last int64) bool {
	i, ok := find(o, first)
	return ok && last <= o[i].Last
}
