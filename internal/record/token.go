package record

import (
	"encoding/binary"
	"math/bits"
)

// at is the byte at i, or 0 at the end, which no token begins with.
func at(data []byte, i int) byte {
	if i < len(data) {
		return data[i]
	}
	return 0
}

func isDigit(c byte) bool { return c-'0' < 10 }

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// number gives the index after the number that begins at i:
// -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
// Where none does, it gives the index of the byte that should not be there.
func number(data []byte, i int) (end int, ok bool) {
	if at(data, i) == '-' {
		i++
	}
	ok = true
	if at(data, i) == '0' {
		i++
	} else if i, ok = digits(data, i); !ok {
		return i, false
	}
	if at(data, i) == '.' {
		i, ok = digits(data, i+1)
	}
	if !ok || at(data, i)|0x20 != 'e' {
		return i, ok
	}
	i++
	if c := at(data, i); c == '+' || c == '-' {
		i++
	}
	return digits(data, i)
}

// digits gives the index after the digits that begin at i, at least one.
func digits(data []byte, i int) (end int, ok bool) {
	from := i
	for len(data)-i >= 8 {
		x := binary.LittleEndian.Uint64(data[i:])
		// A digit, with its high half flipped, is below 10, and 6 more below 16.
		x ^= '0' * lowBits
		if other := (x | (x + 6*lowBits)) & (0xf0 * lowBits); other != 0 {
			i += bits.TrailingZeros64(other) / 8
			return i, i > from
		}
		i += 8
	}
	for i < len(data) && isDigit(data[i]) {
		i++
	}
	return i, i > from
}

// word is one of true, false and null as the first bytes of a little-endian number.
type word struct {
	bytes, mask uint64
	length      int
}

// words has each word at the place that wordPlace gives its first letter. No byte
// fits the others, since bytes has what mask has not.
var words = func() (t [8]word) {
	for i := range t {
		t[i].bytes = 1
	}
	for _, text := range []string{"true", "false", "null"} {
		var b [8]byte
		copy(b[:], text)
		t[wordPlace(text[0])] = word{binary.LittleEndian.Uint64(b[:]), 1<<(8*len(text)) - 1, len(text)}
	}
	return t
}()

func wordPlace(c byte) byte { return c >> 1 & 7 }

// literal gives the index after true, false or null at i. Where there is none, it
// gives the index of the byte that should not be there.
func literal(data []byte, i int) (end int, ok bool) {
	w := &words[wordPlace(at(data, i))]
	if len(data)-i >= 8 && binary.LittleEndian.Uint64(data[i:])&w.mask == w.bytes {
		return i + w.length, true
	}
	for n := range w.length {
		if at(data, i+n) != byte(w.bytes>>(8*n)) {
			return i + n, false
		}
	}
	return i + w.length, w.length > 0
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
	if last := len(data) - 8; last >= 0 && i < len(data) { // the last eight bytes, with blanks for those before i
		before := uint64(1)<<(8*(i-last)) - 1
		x := binary.LittleEndian.Uint64(data[last:])&^before | lowBits*' '&before
		if s := special(x) & highBits; s != 0 {
			return last + bits.TrailingZeros64(s)/8
		}
		return len(data)
	}
	for i < len(data) && data[i] >= ' ' && data[i] < 0x80 && data[i] != '"' && data[i] != '\\' {
		i++
	}
	return i
}

// str gives the index after the string that begins at i, and notes escapes.
func (s *scanner) str(i int) (end int, ok bool) {
	data := s.data
	for i++; ; {
		i = plain(data, i)
		if i == len(data) {
			return i, s.fail(faultEnd, i)
		}
		switch c := data[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\':
			switch escapeLen(data[i:]) { // with constants the processor need not wait for it
			case 2:
				i += 2
			case 6:
				i += 6
			default:
				return i, s.fail(faultEscape, i)
			}
			s.escapes = true
		case c < ' ':
			return i, s.fail(faultControl, i)
		default:
			end := wide(data, i)
			if end < len(data) && data[end] >= 0x80 {
				return i, s.fail(faultUTF8, end)
			}
			i = end
		}
	}
}

// escapes has the length of an escape by what follows its backslash, 0 for none.
var escapes = func() (t [256]uint8) {
	for _, c := range `"\/bfnrt` {
		t[c] = 2
	}
	t['u'] = 6
	return t
}()

// escapeLen is the length of the escape that b begins with, or 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	n := int(escapes[b[1]])
	if n == 6 {
		if _, ok := hex4(b[2:]); !ok {
			return 0
		}
	}
	return n
}

const noHex = 0xff

// hexDigits has the value of a hexadecimal digit, or noHex.
var hexDigits = func() (t [256]uint8) {
	for c := range t {
		t[c] = noHex
	}
	for i, c := range "0123456789abcdef" {
		t[c] = uint8(i)
	}
	for i, c := range "ABCDEF" {
		t[c] = uint8(10 + i)
	}
	return t
}()

// hex4 is the number that the first four bytes of b spell in hexadecimal.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	h0, h1, h2, h3 := hexDigits[b[0]], hexDigits[b[1]], hexDigits[b[2]], hexDigits[b[3]]
	return rune(h0)<<12 | rune(h1)<<8 | rune(h2)<<4 | rune(h3), h0|h1|h2|h3 != noHex
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
