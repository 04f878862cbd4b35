package record

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
	indexed bool // the value was walked by it
	blocks  []block
	escapes bool // there are some
}

// object checks data and finds the watched members. The failure's fault is
// faultNone if data is one JSON object.
func (s *scanner) object(data []byte) failure {
	if s.indexed = s.quick(data); s.indexed {
		return failure{}
	}
	return s.walk(data)
}

// walk is object by reading byte after byte.
func (s *scanner) walk(data []byte) failure {
	s.reset(data)
	s.skipSpace()
	if s.peek() != '{' {
		return s.notObject()
	}
	s.start, s.space = s.pos, 0
	ok := s.enter('{', 0)
	for ok && s.depth > 0 {
		ok = s.member()
	}
	if !ok {
		return s.failed
	}
	s.end = s.pos
	inner := s.space
	s.skipSpace()
	s.space = inner
	if s.pos < len(data) {
		return failure{faultTrailing, s.pos}
	}
	return failure{}
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

// member reads one member of an object or one element of an array, up to the
// start of the next one or the end of the outermost object.
func (s *scanner) member() bool {
	var hit int
	if s.closing == '}' {
		var ok bool
		if hit, ok = s.key(); !ok {
			return false
		}
	}
	start := s.pos
	switch c := s.peek(); {
	case c == '"':
		if _, ok := s.str(); !ok {
			return false
		}
	case c == '{' || c == '[':
		return s.enter(c, hit)
	case c == '-' || isDigit(c):
		var ok bool
		if s.pos, ok = number(s.data, s.pos); !ok {
			return s.unexpected()
		}
	default:
		var ok bool
		if s.pos, ok = literal(s.data, s.pos); !ok {
			return s.unexpected()
		}
	}
	if hit != 0 {
		s.tookScalar(hit, start)
	}
	return s.after()
}

// key reads a key and its colon. hit is its step on a watched path, 0 if
// it has none.
func (s *scanner) key() (hit int, ok bool) {
	if s.peek() != '"' {
		return 0, s.unexpected()
	}
	start := s.pos + 1
	escaped, ok := s.str()
	if !ok {
		return 0, false
	}
	if inner := s.data[start : s.pos-1]; s.depth == s.tracked && (escaped || s.wanted(inner)) {
		hit = s.matchKey(inner, escaped)
	}
	s.skipSpace()
	if s.peek() != ':' {
		return 0, s.unexpected()
	}
	s.pos++
	s.skipSpace()
	return hit, true
}

// enter reads the opening bracket c and, if nothing is in the array or object,
// its end and what follows.
func (s *scanner) enter(c byte, hit int) bool {
	if s.depth == MaxDepth {
		return s.fail(faultDepth, s.pos)
	}
	if hit != 0 {
		s.entering(hit)
	}
	s.push(c)
	s.pos++
	s.skipSpace()
	if s.peek() == s.closing {
		return s.after()
	}
	return true
}

// after reads what follows a value: closing brackets, then a comma or the end
// of the outermost object.
func (s *scanner) after() bool {
	for s.depth > 0 {
		s.skipSpace()
		switch s.peek() {
		case ',':
			s.pos++
			s.skipSpace()
			return true
		case s.closing:
			s.pos++
			s.pop()
			s.left()
		default:
			return s.unexpected()
		}
	}
	return true
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

// peek is the byte at pos, or 0 at the end, which no token begins with.
func (s *scanner) peek() byte { return at(s.data, s.pos) }

func (s *scanner) skipSpace() {
	if s.pos < len(s.data) && s.data[s.pos] <= ' ' {
		s.skipSpaces()
	}
}

// skipSpaces is kept out of skipSpace, so that its callers can inline that.
//
//go:noinline
func (s *scanner) skipSpaces() {
	data, i, newline := s.data, s.pos, s.newline
	for ; i < len(data) && isSpace(data[i]); i++ {
		newline = newline || data[i] == '\n' || data[i] == '\r'
	}
	s.newline = newline
	s.space += i - s.pos
	s.pos = i
}
