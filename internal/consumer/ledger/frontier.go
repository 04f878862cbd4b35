package ledger

import (
	"cmp"
	"slices"
)

// Exception says that the lines of Namespace from First on are owed.
type Exception struct {
	Namespace string
	First     int64
}

// Frontier says what is done above the committed offset: every line below
// Below is done, except the lines of some namespaces from an offset on, and
// except some single records.
type Frontier struct {
	Below   int64
	Except  map[string]int64 // namespace -> its first owed offset
	Singles []int64          // ascending
}

func (f *Frontier) owes(namespace string, offset int64) bool {
	if first, ok := f.Except[namespace]; ok && offset >= first {
		return true
	}
	return f.holds(offset)
}

func (f *Frontier) holds(offset int64) bool {
	_, ok := slices.BinarySearch(f.Singles, offset)
	return ok
}

// Rerouted returns the frontier to use after the settings that decide
// namespaces and ids have changed: the old namespaces mean nothing any more,
// so everything from the first exception on is owed again.
func (f Frontier) Rerouted() Frontier {
	out := Frontier{Below: f.Below}
	for _, first := range f.Except {
		out.Below = min(out.Below, first)
	}
	for _, o := range f.Singles {
		if o < out.Below {
			out.Singles = append(out.Singles, o)
		}
	}
	return out
}

// Before returns what the frontier says of the offsets below end: from there on
// the log is another one, of which nothing is done.
func (f Frontier) Before(end int64) Frontier {
	out := Frontier{Below: min(f.Below, end), Except: map[string]int64{}}
	for namespace, first := range f.Except {
		if first < end {
			out.Except[namespace] = first
		}
	}
	for _, o := range f.Singles {
		if o < end {
			out.Singles = append(out.Singles, o)
		}
	}
	return out
}

// owed lists the exceptions and the single records, which have no namespace,
// in the order of offsets.
func (f *Frontier) owed() []Exception {
	owed := make([]Exception, 0, len(f.Except)+len(f.Singles))
	for ns, first := range f.Except {
		owed = append(owed, Exception{ns, first})
	}
	for _, o := range f.Singles {
		owed = append(owed, Exception{"", o})
	}
	slices.SortFunc(owed, func(a, b Exception) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Namespace, b.Namespace))
	})
	return owed
}
