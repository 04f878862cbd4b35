package decode

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// writer appends JSON to memory of a given size: it never grows out. A method that
// finds no room there, or a value that JSON cannot hold, notes why and returns
// false, as all that call it do.
type writer struct {
	out   []byte
	depth int // of objects and arrays, where the reader counts them
	fault fault
}

func (w *writer) fail(f fault) bool {
	w.fault = f
	return false
}

// enter counts a level of nesting.
func (w *writer) enter() bool {
	if w.depth++; w.depth > maxDepth {
		return w.fail(faultDepth)
	}
	return true
}

// room reports whether n more bytes fit.
func (w *writer) room(n int) bool {
	if cap(w.out)-len(w.out) >= n {
		return true
	}
	return w.fail(faultShort)
}

// raw appends JSON that was made before.
func (w *writer) raw(text string) bool {
	if !w.room(len(text)) {
		return false
	}
	w.out = append(w.out, text...)
	return true
}

func (w *writer) char(c byte) bool {
	if !w.room(1) {
		return false
	}
	w.out = append(w.out, c)
	return true
}

// separated appends a comma if anything stands between from and the end.
func (w *writer) separated(from int) bool { return len(w.out) == from || w.char(',') }

// maxNumber is the longest number, in bytes, that integer or float appends.
const maxNumber = 32

func (w *writer) integer(v int64) bool {
	if !w.room(maxNumber) {
		return false
	}
	w.out = strconv.AppendInt(w.out, v, 10)
	return true
}

func (w *writer) boolean(v bool) bool {
	if v {
		return w.raw("true")
	}
	return w.raw("false")
}

// float appends the shortest number that reads as v at its size of 32 or 64 bits,
// as encoding/json does. What is no number becomes a string, as in Protobuf's JSON.
func (w *writer) float(v float64, size int) bool {
	switch {
	case math.IsNaN(v):
		return w.raw(`"NaN"`)
	case math.IsInf(v, 1):
		return w.raw(`"Infinity"`)
	case math.IsInf(v, -1):
		return w.raw(`"-Infinity"`)
	}
	if !w.room(maxNumber) {
		return false
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	w.out = strconv.AppendFloat(w.out, v, format, -1, size)
	return true
}

// base64 appends data as a string of padded standard base64 (RFC 4648).
func (w *writer) base64(data []byte) bool {
	if !w.room(base64.StdEncoding.EncodedLen(len(data)) + 2) {
		return false
	}
	w.out = append(w.out, '"')
	w.out = base64.StdEncoding.AppendEncode(w.out, data)
	w.out = append(w.out, '"')
	return true
}

// text appends a string, which has to be UTF-8, with as few escapes as the grammar
// allows.
func (w *writer) text(s []byte) bool {
	if cap(w.out)-len(w.out) < len(s)*6+2 && !w.room(quotedLen(s)) {
		return false
	}
	out := append(w.out, '"')
	for len(s) > 0 {
		n := plain(s)
		out = append(out, s[:n]...)
		if s = s[n:]; len(s) == 0 {
			break
		}
		if c := s[0]; c < utf8.RuneSelf {
			out = appendEscape(out, c)
			s = s[1:]
			continue
		}
		n = wide(s)
		if n == 0 {
			return w.fail(faultUTF8)
		}
		out = append(out, s[:n]...)
		s = s[n:]
	}
	w.out = append(out, '"')
	return true
}

// quotedLen is how long s is as a JSON string.
func quotedLen(s []byte) int {
	n := len(s) + 2
	for _, c := range s {
		n += int(escapeGrows[c])
	}
	return n
}

const (
	lowBits     = 0x0101010101010101
	highBits    = 0x8080808080808080
	twos        = lowBits * 2
	overBlanks  = lowBits * (' ' + 1)
	backslashes = lowBits * '\\'
)

// plain is how many bytes s begins with that are ASCII and need no escape. It looks
// at eight at a time: with 2 flipped a quote (0x22) is a blank (0x20), so that one
// subtraction finds it and the control characters.
func plain(s []byte) int {
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(s[i:])
		if found := (((x ^ twos) - overBlanks) | ((x ^ backslashes) - lowBits) | x) & highBits; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for i < len(s) && s[i] < utf8.RuneSelf && escapeGrows[s[i]] == 0 {
		i++
	}
	return i
}

// wide is how many bytes s begins with that are valid characters outside ASCII.
func wide(s []byte) int {
	n := 0
	for n < len(s) && s[n] >= utf8.RuneSelf {
		r, size := utf8.DecodeRune(s[n:])
		if r == utf8.RuneError && size == 1 {
			return 0
		}
		n += size
	}
	return n
}

// escapeGrows holds by how many bytes the escape of a byte is longer than the byte, 0
// where it needs none.
var escapeGrows = func() (t [256]uint8) {
	for c := range t {
		t[c] = uint8(len(appendEscape(nil, byte(c))) - 1)
	}
	return t
}()

func appendEscape(out []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		return append(out, '\\', c)
	case c == '\n':
		return append(out, '\\', 'n')
	case c == '\t':
		return append(out, '\\', 't')
	case c == '\r':
		return append(out, '\\', 'r')
	case c < ' ':
		return append(out, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	default:
		return append(out, c)
	}
}

// quoted returns text as a JSON string, for names that come with a schema.
func quoted(text string) string {
	w := writer{out: make([]byte, 0, 6*len(text)+2)}
	if !w.text([]byte(text)) {
		return `"` + string(utf8.RuneError) + `"`
	}
	return string(w.out)
}
