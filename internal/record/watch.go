package record

import "math/bits"

// span is one JSON token, or one whole array or object, of the value.
type span struct {
	start, end int
	space      int // white space between the tokens inside it, in bytes
}

// watch is one of the members that a scanner looks for.
type watch uint8

const (
	watchLineID    watch = iota // each "id" of the object that is stored
	watchNamespace              // the namespace source, if that is a field
	watchID                     // the id source, if that is another field
	watchObject                 // the object that is stored, if that is a field
	watchCount
)

// bit is the watch as a set.
func (w watch) bit() uint8 { return 1 << w }

// step is one key of the watched paths. The steps are a tree: the first one stands
// for the outermost object, and each other one for a key of its parent's object.
type step struct {
	key      string
	parent   int
	depth    int // keys that lead here
	children []int
	keys     uint64 // the keyBit of each child's key
	ends     uint8  // watches whose path ends here
	beyond   uint8  // watches whose path goes on here

	open span // the array or object that the value has here: its start, and the space before it
}

// watcher follows the watched paths through the value and remembers what the last
// member at the end of each path holds. Only objects are descended.
type watcher struct {
	steps []step
	// The innermost array or object on a watched path that is open, as its step, its
	// depth, and the keys that lead on from it.
	active, tracked int
	keys            uint64

	found  uint8            // watches that have a value
	values [watchCount]span // of those, in the data
	ids    []span           // all values of watchLineID, in order
	text   []byte           // scratch: the last key that was unescaped
}

// maxKeptIDs bounds the scratch that an odd record leaves behind.
const maxKeptIDs = 256

// watch adds a path of keys from the outermost object on, at least one.
func (t *watcher) watch(w watch, path []string) {
	if len(t.steps) == 0 {
		t.steps = []step{{}}
	}
	at := 0
	for _, key := range path {
		t.steps[at].beyond |= w.bit()
		at = t.child(at, key)
	}
	t.steps[at].ends |= w.bit()
}

// child returns the step of a key below parent, and adds it if there is none.
func (t *watcher) child(parent int, key string) int {
	p := &t.steps[parent]
	for _, c := range p.children {
		if t.steps[c].key == key {
			return c
		}
	}
	added := len(t.steps)
	p.children = append(p.children, added)
	p.keys |= keyBit([]byte(key))
	t.steps = append(t.steps, step{key: key, parent: parent, depth: p.depth + 1})
	return added
}

// restart forgets the last value.
func (t *watcher) restart() {
	t.follow(0)
	t.found = 0
	if t.ids = t.ids[:0]; cap(t.ids) > maxKeptIDs {
		t.ids = nil
	}
	if cap(t.text) > maxKeptScratch {
		t.text = nil
	}
}

// value returns what the last member at the path of w holds, if there is one.
func (t *watcher) value(w watch) (value span, ok bool) {
	return t.values[w], t.found&w.bit() != 0
}

func (t *watcher) follow(at int) {
	s := &t.steps[at]
	t.active, t.tracked, t.keys = at, s.depth+1, s.keys
}

// wanted reports whether the key can be on a watched path, where the depth is the
// tracked one: it spares most keys the comparison. inner is what stands between the
// quotes, without an escape.
func (t *watcher) wanted(inner []byte) bool { return t.keys&keyBit(inner) != 0 }

// keyBit is one of 64 bits for a key, by its first byte and its length; none for
// the empty one.
func keyBit(key []byte) uint64 {
	if len(key) == 0 {
		return 0
	}
	return 1 << ((uint(key[0]) + 7*uint(len(key))) % 64)
}

// matchKey returns the step of a key of the tracked object, 0 if it has none. inner
// is the key without its quotes. A key seen again forgets the earlier one.
func (t *watcher) matchKey(inner []byte, escaped bool) (hit int) {
	if escaped {
		t.text = appendUnquoted(t.text[:0], inner)
		inner = t.text
	}
	for _, c := range t.steps[t.active].children {
		s := &t.steps[c]
		if string(inner) != s.key {
			continue
		}
		t.found &^= s.ends | s.beyond
		if s.beyond&watchLineID.bit() != 0 {
			t.ids = t.ids[:0]
		}
		return c
	}
	return 0
}

// note keeps a value for the watches that end at a step.
func (t *watcher) note(ends uint8, value span) {
	t.found |= ends
	for rest := ends; rest != 0; rest &= rest - 1 {
		t.values[bits.TrailingZeros8(rest)%int(watchCount)] = value
	}
	if ends&watchLineID.bit() != 0 {
		t.ids = append(t.ids, value)
	}
}

// tookScalar notes that the member of the step hit is a scalar.
func (s *scanner) tookScalar(hit, start int) {
	if ends := s.steps[hit].ends; ends != 0 {
		s.note(ends, span{start: start, end: s.pos})
	}
}

// entering notes that the member of the step hit is an array or object, which
// begins at s.pos and is not yet on the stack.
func (s *scanner) entering(hit int) {
	s.follow(hit)
	at := &s.steps[hit]
	at.open = span{start: s.pos, space: s.space}
	if at.ends&watchObject.bit() != 0 {
		s.newline = false
	}
}

// left notes that an array or object has ended before s.pos and has left the stack.
func (s *scanner) left() {
	if s.depth == s.tracked-1 {
		s.leave()
	}
}

// leave notes that the tracked array or object has ended.
func (s *scanner) leave() {
	at := &s.steps[s.active]
	if at.ends != 0 {
		s.note(at.ends, span{start: at.open.start, end: s.pos, space: s.space - at.open.space})
	}
	if at.ends&watchObject.bit() != 0 {
		s.objectNewline = s.newline
	}
	s.follow(at.parent)
}
