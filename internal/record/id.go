package record

import (
	"strconv"
	"unicode/utf8"
)

// idScratch is a worker's memory for the id of one record.
type idScratch struct {
	token []byte
	text  []byte
}

// maxKeptScratch bounds the scratch, in bytes, that an odd record leaves behind.
const maxKeptScratch = 64 << 10

// lineID gives the JSON string that the line's "id" shall be, or nil if the
// record's own will do.
func (w *Worker) lineID(in *Input) (token []byte, rej *Rejection) {
	src := w.mapper.settings.ID
	switch src.kind {
	case sourceField:
		return w.fieldID()
	case sourceKey:
		return w.textID(in.Key)
	case sourceHeader:
		if in.Headers == nil {
			return nil, w.mapper.rejected.id.missing
		}
		value, _ := in.Headers.Header(src.name)
		return w.textID(value)
	default:
		text := append(w.id.text[:0], in.Topic...)
		text = strconv.AppendInt(append(text, '-'), int64(in.Partition), 10)
		w.id.text = strconv.AppendInt(append(text, '-'), in.Offset, 10)
		return w.textID(w.id.text)
	}
}

func (w *Worker) fieldID() (token []byte, rej *Rejection) {
	rejected, id := &w.mapper.rejected, watchID
	if w.mapper.idInLine {
		id = watchLineID
	}
	value, ok := w.scan.value(id)
	if !ok {
		return nil, rejected.id.missing
	}
	raw := w.scan.data[value.start:value.end]
	switch c := raw[0]; {
	case len(raw) == len(`""`) && c == '"', c == 'n':
		return nil, rejected.id.empty
	case c == '"' && w.mapper.idInLine:
		return nil, nil
	case c == '"':
		return raw, nil
	case c != '-' && !isDigit(c):
		return nil, rejected.id.kind
	case !w.mapper.settings.IDNumbers:
		return nil, rejected.id.number
	default:
		return w.quotedID(raw), nil
	}
}

func (w *Worker) textID(text []byte) (token []byte, rej *Rejection) {
	switch {
	case text == nil:
		return nil, w.mapper.rejected.id.missing
	case len(text) == 0:
		return nil, w.mapper.rejected.id.empty
	case !utf8.Valid(text):
		return nil, w.mapper.rejected.id.utf8
	case holdsControl(text):
		return nil, w.mapper.rejected.id.control
	default:
		return w.quotedID(text), nil
	}
}

// holdsControl reports whether text, which is valid UTF-8, holds a control
// character (Unicode's category Cc), as numbers in binary nearly always do.
func holdsControl(text []byte) bool {
	for i, c := range text {
		if c < ' ' || c == 0x7f || c == 0xc2 && text[i+1] < 0xa0 {
			return true
		}
	}
	return false
}

// quotedID gives text, which is valid UTF-8, as a JSON string in the worker's scratch.
func (w *Worker) quotedID(text []byte) []byte {
	if cap(w.id.token) > maxKeptScratch {
		w.id.token = nil
	}
	w.id.token, _ = AppendString(w.id.token[:0], text)
	return w.id.token
}
