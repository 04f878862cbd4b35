package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxMetadata is the number of characters of commit metadata that a broker
// accepts for one partition by default (offset.metadata.max.bytes).
const MaxMetadata = 4096

// version begins every metadata text. Another version is ignored by this one:
// repeats are possible then, loss is not.
const version = "kib1"

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

// Metadata is what is written beside a committed offset.
type Metadata struct {
	TopicID     string // of the topic that the offset belongs to
	Committed   int64  // the offset it was written beside: a copy elsewhere shows
	Fingerprint string // of the settings that decide namespaces and ids
	// Born is the generation in which the partition's start was resolved
	// without a committed offset, 0 after the first ordinary commit.
	Born     int32
	Frontier Frontier
}

// Encode returns the commit metadata of the partition, at most limit
// characters long, beside the offset that Watermark gives, and how many
// namespaces' progress did not fit. What does not fit lowers Below: it may be
// repeated by the next owner, never lost.
func (p *Partition) Encode(m Metadata, limit int) (text string, omitted int) {
	w := p.Watermark()
	e := encoder{base: w, limit: limit}
	head := fmt.Sprintf("%s;%s;%d;%s;%s;", version, m.TopicID, w, m.Fingerprint, strconv.FormatInt(int64(m.Born), 36))
	e.size = len(head) + 16 // Below and the separators
	below, complete := p.collect(&e)
	if complete {
		below = max(p.position, p.inherited.Below)
	} else {
		omitted = max(1, len(p.namespaces)-e.own)
	}
	return head + strconv.FormatInt(below-w, 36) + ";" + e.except.String() + ";" + e.singles.String(), omitted
}

// collect gives the encoder everything that is owed in the order of offsets,
// until it is full; below is then the first offset that was left out.
func (p *Partition) collect(e *encoder) (below int64, complete bool) {
	seen := map[string]bool{}
	for n := p.root.next; n != &p.root; n = n.next {
		switch {
		case n.Single:
			if !e.single(n.First) {
				return n.First, false
			}
		case !seen[n.Namespace]:
			if !e.exception(n.Namespace, n.First) {
				return n.First, false
			}
			seen[n.Namespace] = true
			e.own++
		}
	}
	return p.collectInherited(e, seen)
}

// collectInherited adds what earlier owners owed above the position: it stays
// in force until it is passed.
func (p *Partition) collectInherited(e *encoder, seen map[string]bool) (below int64, complete bool) {
	if p.position >= p.inherited.Below {
		return 0, true
	}
	var owed []Exception
	for ns, first := range p.inherited.Except {
		if !seen[ns] {
			owed = append(owed, Exception{ns, max(first, p.position)})
		}
	}
	for _, o := range p.inherited.Singles {
		if o >= p.position {
			owed = append(owed, Exception{"", o})
		}
	}
	slices.SortFunc(owed, func(a, b Exception) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Namespace, b.Namespace))
	})
	for _, x := range owed {
		ok := false
		if x.Namespace == "" {
			ok = e.single(x.First)
		} else {
			ok = e.exception(x.Namespace, x.First)
		}
		if !ok {
			return x.First, false
		}
	}
	return 0, true
}

// encoder writes offsets as base-36 distances: from the committed offset for
// namespaces, from each other for single records.
type encoder struct {
	base, last  int64
	size, limit int
	own         int // namespaces of the partition's own nodes that were written
	except      strings.Builder
	singles     strings.Builder
}

func (e *encoder) exception(namespace string, first int64) bool {
	return e.add(&e.except, namespace+":"+strconv.FormatInt(first-e.base, 36))
}

func (e *encoder) single(offset int64) bool {
	if e.singles.Len() == 0 {
		e.last = e.base
	} else if offset == e.last {
		return true // two lines of one record
	}
	if !e.add(&e.singles, strconv.FormatInt(offset-e.last, 36)) {
		return false
	}
	e.last = offset
	return true
}

func (e *encoder) add(to *strings.Builder, item string) bool {
	if e.size+len(item)+1 > e.limit {
		return false
	}
	e.size += len(item) + 1
	if to.Len() > 0 {
		to.WriteByte(',')
	}
	to.WriteString(item)
	return true
}

// ErrMetadata is returned for text that Encode did not write, or that a later
// version of it did.
var ErrMetadata = errors.New("commit metadata is not ours")

// Decode reads the text that Encode wrote.
func Decode(text string) (Metadata, error) {
	f := strings.Split(text, ";")
	if len(f) != 8 || f[0] != version {
		return Metadata{}, ErrMetadata
	}
	m := Metadata{TopicID: f[1], Fingerprint: f[3], Frontier: Frontier{Except: map[string]int64{}}}
	committed, err1 := strconv.ParseInt(f[2], 10, 64)
	born, err2 := strconv.ParseInt(f[4], 36, 32)
	below, err3 := offset36(committed, f[5])
	if err := cmp.Or(err1, err2, err3); err != nil || committed < 0 {
		return Metadata{}, ErrMetadata
	}
	m.Committed, m.Born, m.Frontier.Below = committed, int32(born), below
	for item := range splitNonEmpty(f[6]) {
		ns, text, ok := strings.Cut(item, ":")
		first, err := offset36(committed, text)
		if !ok || ns == "" || err != nil {
			return Metadata{}, ErrMetadata
		}
		m.Frontier.Except[ns] = first
	}
	last := committed
	for item := range splitNonEmpty(f[7]) {
		o, err := offset36(last, item)
		if err != nil || o == last && len(m.Frontier.Singles) > 0 {
			return Metadata{}, ErrMetadata
		}
		m.Frontier.Singles = append(m.Frontier.Singles, o)
		last = o
	}
	return m, nil
}

func offset36(base int64, text string) (int64, error) {
	d, err := strconv.ParseInt(text, 36, 64)
	if err != nil {
		return 0, err
	}
	if d < 0 || base+d < base {
		return 0, ErrMetadata
	}
	return base + d, nil
}

func splitNonEmpty(s string) func(func(string) bool) {
	if s == "" {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(s, ",")
}
