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
	// Ahead is what is done all the same of a namespace in Except, behind its
	// first owed offset: ascending, nil where nothing is.
	Ahead map[string][]Span
}

func (f *Frontier) owes(namespace string, offset int64) bool {
	if first, ok := f.Except[namespace]; ok && offset >= first && !within(f.Ahead[namespace], offset) {
		return true
	}
	return f.holds(offset)
}

// doneBetween lists the runs of offsets from first up to end, exclusive, whose
// lines of namespace are done.
func (f *Frontier) doneBetween(namespace string, first, end int64) []Span {
	var spans []Span
	add := func(s Span) {
		s.First, s.Last = max(s.First, first), min(s.Last, end-1)
		at, _ := slices.BinarySearch(f.Singles, s.First)
		for ; at < len(f.Singles) && f.Singles[at] <= s.Last; at++ {
			if s.First < f.Singles[at] {
				spans = append(spans, Span{s.First, f.Singles[at] - 1})
			}
			s.First = f.Singles[at] + 1
		}
		if s.First <= s.Last {
			spans = append(spans, s)
		}
	}
	end = min(end, f.Below)
	except, ok := f.Except[namespace]
	if !ok {
		except = end
	}
	add(Span{first, except - 1})
	for _, s := range f.Ahead[namespace] {
		add(s)
	}
	return spans
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
