package record

import "bytes"

// edit says how a value becomes its line. It is valid until the scanner's next
// value.
type edit struct {
	scan *scanner
	id   []byte // the JSON string that each top-level "id" shall be; nil keeps it
	tidy bool   // leave out the white space between tokens and around the object
	size int    // of the line in bytes, without its newline
}

// edit plans the line of the value that was scanned. id is the JSON string that
// its top-level "id" shall be; nil keeps the value's own.
func (s *scanner) edit(id []byte) edit {
	e := edit{scan: s, id: id, size: s.last - s.first}
	if id != nil && s.hasID(id) {
		e.id = nil
	}
	if e.tidy = s.newline || e.id != nil; e.tidy {
		e.size = s.end - s.start - s.space
	}
	if e.id == nil {
		return e
	}
	for _, old := range s.ids {
		e.size += len(id) - (old.end - old.start - old.space)
	}
	if len(s.ids) == 0 {
		e.size += len(`"id":`) + len(id)
		if !s.empty() {
			e.size += len(`,`)
		}
	}
	return e
}

// hasID reports whether each top-level "id" is the token id already, and there is
// one.
func (s *scanner) hasID(id []byte) bool {
	for _, old := range s.ids {
		if !bytes.Equal(s.data[old.start:old.end], id) {
			return false
		}
	}
	return len(s.ids) > 0
}

// empty reports whether the object has no members.
func (s *scanner) empty() bool { return s.end-s.start-s.space == len("{}") }

// apply gives the line: a part of the value where that will do, else appended
// to dst. out is dst, extended by what was appended.
func (e edit) apply(dst []byte) (line, out []byte) {
	s := e.scan
	switch {
	case !e.tidy:
		return s.data[s.first:s.last:s.last], dst
	case e.id == nil && s.space == 0:
		return s.data[s.start:s.end:s.end], dst
	}
	from, next := len(dst), s.start
	if e.id != nil && len(s.ids) == 0 {
		dst = append(dst, `{"id":`...)
		dst = append(dst, e.id...)
		if !s.empty() {
			dst = append(dst, ',')
		}
		next++
	}
	if e.id != nil {
		for _, old := range s.ids {
			dst = e.appendTokens(dst, next, old.start)
			dst = append(dst, e.id...)
			next = old.end
		}
	}
	dst = e.appendTokens(dst, next, s.end)
	return dst[from:len(dst):len(dst)], dst
}

// appendTokens appends the tokens from start to end, without the white space
// between them.
func (e edit) appendTokens(dst []byte, start, end int) []byte {
	data := e.scan.data[:end]
	if e.scan.space == 0 {
		return append(dst, data[start:]...)
	}
	for i := start; i < end; {
		switch c := data[i]; {
		case c == '"':
			i = e.scan.stringEnd(i)
		case isSpace(c):
			dst = append(dst, data[start:i]...)
			for i < end && isSpace(data[i]) {
				i++
			}
			start = i
		default:
			i++
		}
	}
	return append(dst, data[start:]...)
}

// stringEnd is the index after the string of the value that begins at i.
func (s *scanner) stringEnd(i int) int {
	if s.indexed {
		return s.closingQuote(i) + 1
	}
	return stringEnd(s.data, i)
}

// stringEnd is the index after the valid string that begins at i.
func stringEnd(data []byte, i int) int {
	for i = plain(data, i+1); data[i] != '"'; i = plain(data, i) {
		if data[i] == '\\' {
			i += 2 // what follows is no quote that ends the string
		} else {
			i = wide(data, i)
		}
	}
	return i + 1
}
