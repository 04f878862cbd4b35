package ledger

import (
	"cmp"
	"slices"
)

// Frontier names the lines and records that are done above the committed offset: every
// line below Below is done, except the lines of some namespaces from an offset on, and
// except some records.
type Frontier struct {
	Below  int64
	Except map[string]int64 // namespace -> its first owed offset
	// Whole are the records that are owed as a whole, whatever their namespaces:
	// single ones, and ranges that were never read. Ascending, without overlap.
	Whole []Span
	// Ahead is what is done all the same of a namespace in Except, behind its
	// first owed offset: ascending, nil where nothing is.
	Ahead map[string][]Span
}

// Lost is what a log that begins at start has lost of the records from one offset
// on: how many that were never read, or are owed as a whole, and of how many
// namespaces lines that are owed may have been among the rest.
func (f *Frontier) Lost(from, start int64) (records int64, namespaces int) {
	records = max(0, start-max(from, f.Below))
	end := min(start, f.Below)
	for _, s := range f.Whole {
		records += max(0, min(s.Last+1, end)-max(s.First, from))
	}
	for _, first := range f.Except {
		if first < end {
			namespaces++
		}
	}
	return records, namespaces
}

// Rerouted returns the frontier to use after the settings that decide
// namespaces and ids have changed: the old namespaces mean nothing any more,
// so everything from the first exception on is owed again.
func (f Frontier) Rerouted() Frontier {
	end := f.Below
	for _, first := range f.Except {
		end = min(end, first)
	}
	return f.Before(end)
}

// Before returns what the frontier says of the offsets below end: from there on
// the log is another one, of which nothing is done.
func (f Frontier) Before(end int64) Frontier {
	out := Frontier{Below: min(f.Below, end), Except: map[string]int64{}}
	for _, s := range f.Whole {
		if s.Last = min(s.Last, end-1); s.First <= s.Last {
			out.Whole = append(out.Whole, s)
		}
	}
	for namespace, first := range f.Except {
		if first < end {
			out.Except[namespace] = first
		}
	}
	return out
}

// debt is one entry of a frontier: the lines of a namespace from first on, or,
// without a namespace, the records from first to last.
type debt struct {
	namespace   string
	first, last int64
}

// owed lists the entries in the order of their first offsets.
func (f *Frontier) owed() []debt {
	owed := make([]debt, 0, len(f.Except)+len(f.Whole))
	for ns, first := range f.Except {
		owed = append(owed, debt{namespace: ns, first: first})
	}
	for _, s := range f.Whole {
		owed = append(owed, debt{first: s.First, last: s.Last})
	}
	slices.SortFunc(owed, func(a, b debt) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.namespace, b.namespace))
	})
	return owed
}
