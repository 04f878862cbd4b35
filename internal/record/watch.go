package record

// span is one JSON token, or one whole array or object, of the value.
type span struct {
	start, end int
	space      int // white space between the tokens inside it, in bytes
}

func (s span) found() bool { return s.end > 0 }

// The watches of a scanner, by index.
const (
	watchLineID    = iota // each top-level "id"
	watchNamespace        // the namespace source, if that is a field
	watchID               // the id source, if that is a field
	watchCount
)

// watch follows one path of keys through the value and remembers what the last
// member at that path holds. Only objects are descended.
type watch struct {
	path []string // empty: not in use
	// matched is how many keys of path lead to the innermost object on the
	// path that is open. Invariant: -1 <= matched < len(path).
	matched int
	value   span // of the last member at path, if it is found
	open    bool // value is an array or object that has not ended
}

// watch sets the path of one watch.
func (s *scanner) watch(index int, path []string) {
	s.watches[index].path = path
	s.reach = max(s.reach, len(path))
	for _, key := range path {
		s.keys |= keyBit([]byte(key))
	}
}

// wanted tells whether the key can be on a watched path: it spares most keys the
// comparison. inner is what stands between the quotes, without an escape.
func (s *scanner) wanted(inner []byte) bool { return s.keys&keyBit(inner) != 0 }

// keyBit is one of 64 bits for a key, by its first byte and its length; none for
// the empty one.
func keyBit(key []byte) uint64 {
	if len(key) == 0 {
		return 0
	}
	return 1 << ((uint(key[0]) + 7*uint(len(key))) % 64)
}

// matchKey tells, as a bit per watch, which paths the key leads along. inner is
// the key without its quotes. A key seen again forgets the earlier one.
func (s *scanner) matchKey(inner []byte, escaped bool) (hit uint8) {
	if s.depth > s.reach {
		return 0
	}
	if escaped {
		s.text = appendUnquoted(s.text[:0], inner)
		inner = s.text
	}
	for i := range s.watches {
		w := &s.watches[i]
		if w.matched == s.depth-1 && s.depth <= len(w.path) && string(inner) == w.path[s.depth-1] {
			w.value = span{}
			hit |= 1 << i
		}
	}
	return hit
}

// tookScalar tells the watches in hit that their member is a scalar.
func (s *scanner) tookScalar(hit uint8, start int) {
	for i := range s.watches {
		w := &s.watches[i]
		if hit&(1<<i) != 0 && s.depth == len(w.path) {
			s.note(i, span{start: start, end: s.pos})
		}
	}
}

// entering tells the watches in hit that their member is an array or object,
// which begins at s.pos and is not yet on the stack.
func (s *scanner) entering(hit uint8, object bool) {
	for i := range s.watches {
		w := &s.watches[i]
		switch {
		case hit&(1<<i) == 0:
		case s.depth == len(w.path):
			w.open = true
			w.value = span{start: s.pos, space: s.space}
		case object:
			w.matched = s.depth
		}
	}
}

// left tells the watches that an array or object has ended before s.pos and
// has left the stack.
func (s *scanner) left() {
	if s.depth > s.reach {
		return
	}
	for i := range s.watches {
		w := &s.watches[i]
		w.matched = min(w.matched, s.depth-1)
		if w.open && s.depth == len(w.path) {
			w.open = false
			s.note(i, span{start: w.value.start, end: s.pos, space: s.space - w.value.space})
		}
	}
}

func (s *scanner) note(index int, value span) {
	s.watches[index].value = value
	if index == watchLineID {
		s.ids = append(s.ids, value)
	}
}
