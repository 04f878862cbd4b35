package record

import "bytes"

// quick does what walk does, but goes from quote to quote. Its false says nothing
// of data: walk finds what is wrong with it, if anything is.
func (s *scanner) quick(data []byte) bool {
	if !s.index(data) {
		return false
	}
	s.reset(data)
	s.skipSpace()
	if s.peek() != '{' {
		return false
	}
	s.start, s.space = s.pos, 0
	if !s.members() {
		return false
	}
	s.end = s.pos
	inner := s.space
	s.skipSpace()
	s.space = inner
	return s.pos == len(data)
}

// members reads the outermost object. The position is kept in a variable, and in s
// only where other methods need it.
func (s *scanner) members() bool {
	data, i := s.data, s.pos
	for {
		var hit int
		if s.closing == '}' {
			if at(data, i) != '"' {
				return false
			}
			end := s.closingQuote(i)
			if key := data[i+1 : end]; s.depth == s.tracked && (s.escapes || s.wanted(key)) {
				hit = s.matchKey(key, s.escapes && bytes.IndexByte(key, '\\') >= 0)
			}
			if i = s.pastSpace(end + 1); at(data, i) != ':' {
				return false
			}
			i = s.pastSpace(i + 1)
		}
		start, ok := i, true
		switch c := at(data, i); {
		case c == '"':
			i = s.closingQuote(i) + 1
		case c == '{' || c == '[':
			if s.depth == MaxDepth {
				return false
			}
			if s.pos = i; hit != 0 {
				s.entering(hit)
				hit = 0
			}
			s.push(c)
			if i = s.pastSpace(i + 1); at(data, i) != s.closing {
				continue
			}
		case c == '-' || isDigit(c):
			i, ok = number(data, i)
		default:
			i, ok = literal(data, i)
		}
		if !ok {
			return false
		}
		if s.pos = i; hit != 0 {
			s.tookScalar(hit, start)
		}
		if i, ok = s.ended(i); !ok || s.depth == 0 {
			return ok
		}
	}
}

// ended reads what follows a value, as after does: it gives the index of the next
// member, or of what follows the outermost object.
func (s *scanner) ended(i int) (next int, ok bool) {
	for {
		i = s.pastSpace(i)
		switch at(s.data, i) {
		case ',':
			return s.pastSpace(i + 1), true
		case s.closing:
			i++
			s.pos = i
			s.pop()
			s.left()
			if s.depth == 0 {
				return i, true
			}
		default:
			return i, false
		}
	}
}

// pastSpace is the index, from i on, of the first byte that is no white space.
func (s *scanner) pastSpace(i int) int {
	if i < len(s.data) && s.data[i] <= ' ' {
		return s.pastSpaces(i)
	}
	return i
}

// pastSpaces is kept out of pastSpace, so that its callers can inline that.
//
//go:noinline
func (s *scanner) pastSpaces(i int) int {
	s.pos = i
	s.skipSpaces()
	return s.pos
}
