package record

import "bytes"

// MaxDepth is how deep objects and arrays may nest. Deeper values are not_json.
const MaxDepth = 10_000

// scanner checks that a value is one JSON object and finds the watched members
// in the same pass. Its state is that of the last value.
type scanner struct {
	data []byte
	pos  int
	// depth counts the arrays and objects that are open, closings are the brackets
	// that end them, and closing is the innermost one's, 0 if there is none.
	depth    int
	closings [MaxDepth]byte
	closing  byte
	failed   failure

	start, end int  // the object in data, without the white space around it
	space      int  // white space between tokens, in bytes, from start on
	newline    bool // some of it, or of that around the object, is CR or LF
	// first and last bound the bytes that are stored where no edit is needed: the
	// whole value, unless the scan is narrowed.
	first, last   int
	objectNewline bool // newline, of the inside of what watchObject has found

	quoteIndex
	watcher
}

// quoteIndex says where the quotes of a value are, for the quick walk.
type quoteIndex struct {
	indexed bool // the value is walked by it
	blocks  []block
	escapes bool // there are some, or without the index there were some so far
}

// object checks data and finds the watched members. The failure's fault is
// faultNone if data is one JSON object. Where the index is of no use, or does not
// fit, the value is read byte by byte, which finds what is wrong.
func (s *scanner) object(data []byte) failure {
	if s.indexed = s.index(data); s.indexed && s.walk(data) {
		return failure{}
	}
	s.indexed, s.escapes = false, false
	if s.walk(data) {
		return failure{}
	}
	return s.failed
}

// walk reads data, from quote to quote where it is indexed; else it checks the
// strings, too.
func (s *scanner) walk(data []byte) bool {
	s.reset(data)
	s.pos = s.pastSpace(0)
	if at(data, s.pos) != '{' {
		s.failed = s.notObject()
		return false
	}
	s.start, s.space = s.pos, 0
	if !s.members() {
		return false
	}
	s.end = s.pos
	inner := s.space
	s.pos = s.pastSpace(s.pos)
	s.space = inner
	return s.pos == len(data) || s.fail(faultTrailing, s.pos)
}

func (s *scanner) reset(data []byte) {
	s.data, s.pos, s.depth, s.closing, s.failed = data, 0, 0, 0, failure{}
	s.space, s.newline = 0, false
	s.first, s.last = 0, len(data)
	s.restart()
}

// narrow turns the scan of a value into that of object, which watchObject has
// found in it.
func (s *scanner) narrow(object span) {
	s.start, s.end, s.space = object.start, object.end, object.space
	s.first, s.last, s.newline = object.start, object.end, s.objectNewline
}

// members reads the outermost object. The position is kept in a variable, and in s
// only where other methods need it.
func (s *scanner) members() bool {
	data, i, indexed := s.data, s.pos, s.indexed
	for {
		var hit int
		ok := true
		if s.closing == '}' {
			if at(data, i) != '"' {
				return s.unexpected(i)
			}
			key := i + 1
			if indexed {
				i = s.closingQuote(i) + 1
			} else if i, ok = s.str(i); !ok {
				return false
			}
			if inner := data[key : i-1]; s.depth == s.tracked && (s.escapes || s.wanted(inner)) {
				hit = s.matchKey(inner, s.escapes && bytes.IndexByte(inner, '\\') >= 0)
			}
			if i = s.pastSpace(i); at(data, i) != ':' {
				return s.unexpected(i)
			}
			i = s.pastSpace(i + 1)
		}
		start := i
		switch c := at(data, i); {
		case c == '"':
			if indexed {
				i = s.closingQuote(i) + 1
			} else if i, ok = s.str(i); !ok {
				return false
			}
		case c == '{' || c == '[':
			if s.depth == MaxDepth {
				return s.fail(faultDepth, i)
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
			return s.unexpected(i)
		}
		if s.pos = i; hit != 0 {
			s.tookScalar(hit, start)
		}
		if i, ok = s.ended(i); !ok {
			return s.unexpected(i)
		} else if s.depth == 0 {
			return true
		}
	}
}

// ended reads what follows a value: closing brackets, then a comma or the end of the
// outermost object. It gives the index of the next member, of what follows the
// outermost object, or of the byte that should not be there.
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
	data, from, newline := s.data, i, s.newline
	for ; i < len(data) && isSpace(data[i]); i++ {
		newline = newline || data[i] == '\n' || data[i] == '\r'
	}
	s.newline = newline
	s.space += i - from
	return i
}

func (s *scanner) push(opening byte) {
	s.closing = opening + 2 // so it is for both kinds
	s.closings[s.depth] = s.closing
	s.depth++
}

func (s *scanner) pop() {
	s.closing = 0
	if s.depth--; s.depth > 0 {
		s.closing = s.closings[s.depth-1]
	}
}
