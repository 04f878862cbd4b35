package decode

import (
	"bytes"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoSpecials read the message types that have a JSON of their own.
var protoSpecials = map[protoreflect.FullName]func(*protoReader, *protoMessage, []byte) bool{
	"google.protobuf.Any":         (*protoReader).any,
	"google.protobuf.Timestamp":   (*protoReader).protoTimestamp,
	"google.protobuf.Duration":    (*protoReader).protoDuration,
	"google.protobuf.FieldMask":   (*protoReader).fieldMask,
	"google.protobuf.Struct":      (*protoReader).bare,
	"google.protobuf.Value":       (*protoReader).oneValue,
	"google.protobuf.ListValue":   (*protoReader).bare,
	"google.protobuf.DoubleValue": (*protoReader).wrapped,
	"google.protobuf.FloatValue":  (*protoReader).wrapped,
	"google.protobuf.Int64Value":  (*protoReader).wrapped,
	"google.protobuf.UInt64Value": (*protoReader).wrapped,
	"google.protobuf.Int32Value":  (*protoReader).wrapped,
	"google.protobuf.UInt32Value": (*protoReader).wrapped,
	"google.protobuf.BoolValue":   (*protoReader).wrapped,
	"google.protobuf.StringValue": (*protoReader).wrapped,
	"google.protobuf.BytesValue":  (*protoReader).wrapped,
}

// wrapped appends the value of a message's only field.
func (r *protoReader) wrapped(m *protoMessage, data []byte) bool {
	v, ok := r.pick(m, data, 1)
	return ok && r.value(m.find(1), v)
}

// bare appends the items of a message's only field, which is a list or map.
func (r *protoReader) bare(m *protoMessage, data []byte) bool {
	brackets := m.find(1).brackets
	if !r.char(brackets[0]) {
		return false
	}
	for from := len(r.out); ; {
		o, rest, ok := r.next(m, data)
		if !ok {
			return r.fault == faultNone && r.char(brackets[1])
		}
		if !r.part(o, from) {
			return false
		}
		data = rest
	}
}

// oneValue appends a google.protobuf.Value: the last of its members, or null.
func (r *protoReader) oneValue(m *protoMessage, data []byte) bool {
	var found occurrence
	for {
		o, rest, ok := r.next(m, data)
		switch {
		case ok:
			if !r.merge(&found, o) {
				return false
			}
			data = rest
		case r.fault != faultNone:
			return false
		case found.field == nil:
			return r.raw("null")
		default:
			return r.value(found.field, found.data)
		}
	}
}

// fieldMask appends the paths as one string, in lowerCamelCase.
func (r *protoReader) fieldMask(m *protoMessage, data []byte) bool {
	var paths []byte
	for {
		o, rest, ok := r.next(m, data)
		if !ok {
			return r.fault == faultNone && r.text(paths)
		}
		if len(paths) > 0 {
			paths = append(paths, ',')
		}
		paths, data = appendCamelCase(paths, o.data), rest
	}
}

// appendCamelCase appends fooBar for foo_bar.
func appendCamelCase(out, path []byte) []byte {
	upper := false
	for _, c := range path {
		if c == '_' {
			upper = true
			continue
		}
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		out, upper = append(out, c), false
	}
	return out
}

// any appends the message in an Any with its type.
func (r *protoReader) any(m *protoMessage, data []byte) bool {
	url, ok := r.pick(m, data, 1)
	if !ok {
		return false
	}
	value, ok := r.pick(m, data, 2)
	if !ok {
		return false
	}
	if len(url) == 0 && len(value) == 0 {
		return r.raw("{}")
	}
	inside := r.file.messages[protoreflect.FullName(url[bytes.LastIndexByte(url, '/')+1:])]
	if inside == nil {
		return r.fail(faultAny)
	}
	if !r.raw(`{"@type":`) || !r.text(url) {
		return false
	}
	if inside.special == nil {
		return r.body(inside, value, 0) && r.char('}')
	}
	return r.raw(`,"value":`) && r.message(inside, value) && r.char('}')
}

const (
	maxProtoDuration = 315_576_000_000 // seconds
	firstProtoSecond = -62135596800    // 0001-01-01T00:00:00Z
	nanosPerSecond   = 1_000_000_000
)

// protoTimestamp appends a google.protobuf.Timestamp.
func (r *protoReader) protoTimestamp(m *protoMessage, data []byte) bool {
	seconds, nanos, ok := r.clock(m, data)
	switch {
	case !ok:
		return false
	case seconds < firstProtoSecond || nanos < 0 || nanos >= nanosPerSecond:
		return r.fail(faultTimestamp)
	}
	return r.timestamp(time.Unix(seconds, nanos), protoDecimals(nanos), "Z")
}

// protoDuration appends a google.protobuf.Duration.
func (r *protoReader) protoDuration(m *protoMessage, data []byte) bool {
	seconds, nanos, ok := r.clock(m, data)
	if !ok {
		return false
	}
	negative := seconds < 0 || nanos < 0
	if negative {
		seconds, nanos = -seconds, -nanos
	}
	if seconds < 0 || nanos < 0 || seconds > maxProtoDuration || nanos >= nanosPerSecond { // their signs differ, or they are too large
		return r.fail(faultDuration)
	}
	if !r.char('"') || negative && !r.char('-') || !r.integer(seconds) || !r.room(len(`.000000000s"`)) {
		return false
	}
	r.out = append(appendFraction(r.out, int(nanos), protoDecimals(nanos)), 's', '"')
	return true
}

// clock reads the fields of a Timestamp or Duration.
func (r *protoReader) clock(m *protoMessage, data []byte) (seconds, nanos int64, ok bool) {
	s, ok := r.pick(m, data, 1)
	if !ok {
		return 0, 0, false
	}
	n, ok := r.pick(m, data, 2)
	return int64(varint(s)), int64(int32(varint(n))), ok
}

// protoDecimals returns 0, 3, 6 or 9: as many as show all nanoseconds.
func protoDecimals(nanos int64) int {
	switch {
	case nanos == 0:
		return 0
	case nanos%1e6 == 0:
		return 3
	case nanos%1e3 == 0:
		return 6
	default:
		return 9
	}
}
