package record

import (
	"encoding/binary"
	"math/bits"
)

func isDigit(c byte) bool { return c-'0' < 10 }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// number reads a number: -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() bool {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if s.peek()|0x20 != 'e' {
		return true
	}
	s.pos++
	if c := s.peek(); c == '+' || c == '-' {
		s.pos++
	}
	return s.digits()
}

// digits reads at least one digit.
func (s *scanner) digits() bool {
	from, i := s.pos, s.pos
	for i < len(s.data) && isDigit(s.data[i]) {
		i++
	}
	s.pos = i
	return i > from || s.unexpected()
}

// literal reads true, false or null.
func (s *scanner) literal() bool {
	word := ""
	switch s.peek() {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		return s.unexpected()
	}
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.unexpected()
		}
		s.pos++
	}
	return true
}

// Eight copies of one byte.
const (
	lowBits     = 0x0101010101010101
	highBits    = 0x8080808080808080
	twos        = lowBits * 2
	overBlanks  = lowBits * (' ' + 1)
	backslashes = lowBits * '\\'
)

// special sets the high bit of each byte of x that ends a run of plain string
// content: a quote, a backslash, a control character, or a byte outside ASCII.
// Other bits mean nothing. With 2 flipped a quote (0x22) is a blank (0x20) and a
// control character still is one, so that one subtraction finds both; a byte
// outside ASCII keeps its high bit in at least one of the two terms. A borrow can
// set the bit falsely only above a byte that is special, so that the lowest counts.
func special(x uint64) uint64 {
	return ((x ^ twos) - overBlanks) | ((x ^ backslashes) - lowBits)
}

// plain gives the index, from i on, of the first byte that ends a run of plain
// string content, or of the end of data.
func plain(data []byte, i int) int {
	for len(data)-i >= 32 {
		p := (*[32]byte)(data[i:])
		if s := special(binary.LittleEndian.Uint64(p[:8])) & highBits; s != 0 {
			return i + bits.TrailingZeros64(s)/8
		}
		s := special(binary.LittleEndian.Uint64(p[8:16])) | special(binary.LittleEndian.Uint64(p[16:24])) |
			special(binary.LittleEndian.Uint64(p[24:]))
		if s&highBits != 0 {
			i += 8
			break // it is in one of these three
		}
		i += 32
	}
	for len(data)-i >= 8 {
		if s := special(binary.LittleEndian.Uint64(data[i:])) & highBits; s != 0 {
			return i + bits.TrailingZeros64(s)/8
		}
		i += 8
	}
	for i < len(data) && data[i] >= ' ' && data[i] < 0x80 && data[i] != '"' && data[i] != '\\' {
		i++
	}
	return i
}

// str reads a string. escaped tells whether it holds a backslash.
func (s *scanner) str() (escaped, ok bool) {
	data, i := s.data, s.pos+1
	for {
		i = plain(data, i)
		if i == len(data) {
			return false, s.fail(faultEnd, i)
		}
		switch c := data[i]; {
		case c == '"':
			s.pos = i + 1
			return escaped, true
		case c == '\\':
			n := escapeLen(data[i:])
			if n == 0 {
				return false, s.fail(faultEscape, i)
			}
			escaped = true
			i += n
		case c < ' ':
			return false, s.fail(faultControl, i)
		default:
			end := wide(data, i)
			if end < len(data) && data[end] >= 0x80 {
				return false, s.fail(faultUTF8, end)
			}
			i = end
		}
	}
}

// escapeLen is the length of the escape that b begins with, or 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

// hex4 is the number that the first four bytes of b spell in hexadecimal.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// wide gives the index, from i on, of the first byte that is not part of a
// valid character outside ASCII.
func wide(data []byte, i int) int {
	for i < len(data) && data[i] >= 0x80 {
		if i+1 < len(data) && data[i]-0xC2 < 0xE0-0xC2 && isCont(data[i+1]) {
			i += 2 // the common case, without a call
			continue
		}
		n := runeLen(data[i:])
		if n == 0 {
			break
		}
		i += n
	}
	return i
}

// runeLen is the length of the character outside ASCII that b begins with, or
// 0 if it is not valid UTF-8 (RFC 3629: no overlong forms, no surrogates).
func runeLen(b []byte) int {
	switch c := b[0]; {
	case c < 0xC2:
		return 0
	case c < 0xE0:
		if len(b) >= 2 && isCont(b[1]) {
			return 2
		}
	case c < 0xF0:
		if len(b) >= 3 && isCont(b[1]) && isCont(b[2]) &&
			(c != 0xE0 || b[1] >= 0xA0) && (c != 0xED || b[1] < 0xA0) {
			return 3
		}
	case c < 0xF5:
		if len(b) >= 4 && isCont(b[1]) && isCont(b[2]) && isCont(b[3]) &&
			(c != 0xF0 || b[1] >= 0x90) && (c != 0xF4 || b[1] < 0x90) {
			return 4
		}
	}
	return 0
}

func isCont(c byte) bool { return c&0xC0 == 0x80 }
