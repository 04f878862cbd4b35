package record

import (
	"unicode/utf16"
	"unicode/utf8"
)

// appendUnquoted appends the text of a valid JSON string whose content,
// without the quotes, is inner. Lone surrogates become U+FFFD.
func appendUnquoted(dst, inner []byte) []byte {
	for i := 0; i < len(inner); {
		c := inner[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		r, n := unescape(inner[i:])
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// unescape reads the escape, or the pair of escaped surrogates, that b begins
// with.
func unescape(b []byte) (r rune, n int) {
	switch b[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return rune(b[1]), 2
	}
	r, _ = hex4(b[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(b) >= 12 && b[6] == '\\' && b[7] == 'u' {
		low, _ := hex4(b[8:])
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// AppendString appends text as a JSON string with as few escapes as the grammar
// allows. ok is false where text is not valid UTF-8: then out is of no use.
func AppendString(dst, text []byte) (out []byte, ok bool) {
	dst = append(dst, '"')
	from := 0 // of what is not appended yet
	for i := plain(text, 0); i < len(text); i = plain(text, i) {
		if c := text[i]; c < utf8.RuneSelf {
			dst = appendEscape(append(dst, text[from:i]...), c)
			i++
			from = i
			continue
		}
		end := wide(text, i)
		if end == i {
			return dst, false
		}
		i = end
	}
	return append(append(dst, text[from:]...), '"'), true
}

// StringLen returns how many bytes AppendString appends for text.
func StringLen(text []byte) int {
	n := len(text) + len(`""`)
	for _, c := range text {
		n += int(escapeGrows[c])
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

func appendEscape(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	switch {
	case c == '"' || c == '\\':
		return append(dst, '\\', c)
	case c == '\n':
		return append(dst, '\\', 'n')
	case c == '\t':
		return append(dst, '\\', 't')
	case c == '\r':
		return append(dst, '\\', 'r')
	case c < ' ':
		return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
	default:
		return append(dst, c)
	}
}
