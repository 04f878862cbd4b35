package decode

import (
	"encoding/base64"
	"math"
	"strconv"
	"unicode/utf8"

	"kafka-import-bridge/internal/record"
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

// text appends a string, which has to be UTF-8.
func (w *writer) text(s []byte) bool {
	if cap(w.out)-len(w.out) < len(s)*6+2 && !w.room(record.StringLen(s)) {
		return false
	}
	out, ok := record.AppendString(w.out, s)
	if !ok {
		return w.fail(faultUTF8)
	}
	w.out = out
	return true
}

// quoted returns text as a JSON string, for names that come with a schema.
func quoted(text string) string {
	out, ok := record.AppendString(nil, []byte(text))
	if !ok {
		return `"` + string(utf8.RuneError) + `"`
	}
	return string(out)
}
