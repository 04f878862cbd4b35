package ledger

import (
	"math"
	"strconv"
	"strings"
)

// belowRoom is the most characters that Below, in base 36, and the separators behind it
// take.
const belowRoom = 16

// Encode returns the commit metadata of the partition, at most limit
// characters long, beside the offset that Watermark gives, and how many
// namespaces' progress did not fit. What does not fit lowers Below: it may be
// repeated by the next owner, never lost. Where not even the first fields fit,
// the text is empty.
//
// It runs at every commit of every partition, so it allocates nothing but the
// text.
func (p *Partition) Encode(m Metadata, limit int) (text string, omitted int) {
	base := p.Watermark()
	head := appendHead(make([]byte, 0, 256), m, base)
	e := &p.encoder
	e.reset(base, limit-len(head)-belowRoom)
	below, omitted := p.collect(e)
	if omitted == 0 {
		omitted = e.spans() // what is ahead takes the room that is left
	}
	if limit < len(head)+belowRoom {
		if below > base {
			omitted = max(1, omitted)
		}
		return "", omitted
	}
	head = strconv.AppendInt(head, below-base, 36)
	except, singles, ahead := trimComma(e.except), trimComma(e.singles), trimComma(e.ahead)
	var b strings.Builder
	b.Grow(len(head) + len(except) + len(singles) + len(ahead) + 3)
	b.Write(head)
	b.WriteByte(';')
	b.Write(except)
	b.WriteByte(';')
	b.Write(singles)
	b.WriteByte(';')
	b.Write(ahead)
	return b.String(), omitted
}

func appendHead(b []byte, m Metadata, committed int64) []byte {
	b = append(append(b, version...), ';')
	b = append(append(b, m.TopicID...), ';')
	b = append(strconv.AppendInt(b, committed, 10), ';')
	b = append(append(b, m.Fingerprint...), ';')
	return append(strconv.AppendInt(b, int64(m.Born), 36), ';')
}

func trimComma(list []byte) []byte { return list[:max(0, len(list)-1)] }

// collect gives the encoder everything that is owed in the order of offsets,
// until it is full: the nodes, and what earlier owners owed above the position,
// which stays in force until it is passed. Every line below the offset that it
// returns is done but for what the encoder has taken.
func (p *Partition) collect(e *encoder) (below int64, omitted int) {
	owed, ok, full := p.stillOwed(), true, max(p.position, p.inherited.Below)
	for n := p.root.next; n != &p.root; n = n.next {
		if owed, ok = p.inherit(e, owed, n.First); !ok {
			break
		}
		if !e.node(n) {
			return n.First, p.omitted(e, owed)
		}
	}
	if ok {
		owed, ok = p.inherit(e, owed, math.MaxInt64)
	}
	if !ok {
		// What is done ahead may have moved an exception beyond what was known.
		return min(max(owed[0].first, p.position), full), p.omitted(e, owed)
	}
	return full, 0
}

// stillOwed returns the inherited frontier, until the position has passed all of it.
func (p *Partition) stillOwed() []debt {
	if p.position >= p.inherited.Below {
		p.owed = nil
	}
	return p.owed
}

// inherit gives the encoder what is owed up to the offset last and returns the
// rest, and false if the first of that did not fit. Below the position, what
// was inherited has nodes or is done.
func (p *Partition) inherit(e *encoder, owed []debt, last int64) (rest []debt, ok bool) {
	for ; len(owed) > 0; owed = owed[1:] {
		x := owed[0]
		whole := x.namespace == ""
		first := max(x.first, p.position)
		switch {
		case whole && x.last < p.position:
			continue
		case first > last:
			return owed, true
		case whole:
			ok = e.whole(first, x.last)
		default:
			l := p.namespaces[x.namespace]
			first = firstOwed(p.inherited.Ahead[x.namespace], first)
			if ok = e.namespace(l, x.namespace, first); ok && l == nil {
				e.later(x.namespace, first, p.inherited.Ahead[x.namespace])
			}
		}
		if !ok {
			return owed, false
		}
	}
	return nil, true
}

// omitted counts the namespaces that the encoder has not taken.
func (p *Partition) omitted(e *encoder, owed []debt) int {
	n := len(p.namespaces) - e.lanes
	for _, x := range owed {
		if x.namespace != "" && p.namespaces[x.namespace] == nil {
			n++
		}
	}
	return max(1, n)
}

// encoder writes offsets as base-36 distances: from the committed offset for
// namespaces, from each other for whole records, and behind a dot from the
// first to the last of a range of these. A comma follows each item.
// A partition keeps its encoder for the sake of its buffers.
type encoder struct {
	base, last int64
	room       int    // characters left
	round      uint64 // lanes of this round are written
	lanes      int    // how many are
	except     []byte
	singles    []byte // whole records
	ahead      []byte
	behind     []behind // namespaces of which something is done ahead
}

// behind is a namespace that owes from first on, but for some spans.
type behind struct {
	namespace string
	first     int64
	ahead     []Span
}

func (e *encoder) reset(base int64, room int) {
	*e = encoder{base: base, room: room, round: e.round + 1, except: e.except[:0], singles: e.singles[:0]}
}

func (e *encoder) node(n *Node) bool {
	if n.Single {
		return e.whole(n.First, n.Last)
	}
	first := n.First
	if n.Kind == Shed {
		first = firstOwed(n.lane.ahead, first)
	}
	return e.namespace(n.lane, n.Namespace, first)
}

// namespace takes a namespace's first owed offset; further ones say nothing
// new. The lane is nil for a namespace without nodes.
func (e *encoder) namespace(l *lane, name string, first int64) bool {
	if l != nil && l.round == e.round {
		return true
	}
	longer := append(append(e.except, name...), ':')
	longer = append(strconv.AppendInt(longer, first-e.base, 36), ',')
	if !e.take(len(longer) - len(e.except)) {
		return false
	}
	e.except = longer
	if l != nil {
		l.round = e.round
		e.lanes++
		e.later(name, first, l.ahead)
	}
	return true
}

// later keeps what is done ahead of a namespace's first owed offset.
func (e *encoder) later(name string, first int64, ahead []Span) {
	for len(ahead) > 0 && ahead[0].First <= first {
		ahead = ahead[1:]
	}
	if len(ahead) > 0 {
		e.behind = append(e.behind, behind{name, first, ahead})
	}
}

// spans writes what is done ahead, as far as it fits: for each namespace pairs
// of base-36 distances, from the end of one run to the begin of the next and
// from there to its end. It returns the number of namespaces of which something
// did not fit.
func (e *encoder) spans() (omitted int) {
	for _, b := range e.behind {
		start, last := len(e.ahead), b.first
		e.ahead = append(append(e.ahead, b.namespace...), ':')
		for i, s := range b.ahead {
			at := len(e.ahead)
			e.ahead = strconv.AppendInt(e.ahead, s.First-last, 36)
			e.ahead = strconv.AppendInt(append(e.ahead, '.'), s.Last-s.First, 36)
			e.ahead = append(e.ahead, '.')
			size := len(e.ahead) - at
			if i == 0 {
				size = len(e.ahead) - start
			}
			if !e.take(size) {
				e.ahead = e.ahead[:at]
				omitted++
				break
			}
			last = s.Last
		}
		if last == b.first { // not even the first one
			e.ahead = e.ahead[:start]
			continue
		}
		e.ahead[len(e.ahead)-1] = ','
	}
	return omitted
}

// whole takes the records from first to last, but for those it has.
func (e *encoder) whole(first, last int64) bool {
	if len(e.singles) == 0 {
		e.last = e.base
	} else if first = max(first, e.last+1); first > last {
		return true // two lines of one record
	}
	longer := strconv.AppendInt(e.singles, first-e.last, 36)
	if last > first {
		longer = strconv.AppendInt(append(longer, '.'), last-first, 36)
	}
	longer = append(longer, ',')
	if !e.take(len(longer) - len(e.singles)) {
		return false
	}
	e.singles, e.last = longer, last
	return true
}

func (e *encoder) take(n int) bool {
	if n > e.room {
		return false
	}
	e.room -= n
	return true
}
