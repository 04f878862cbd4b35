package decode

import (
	"bytes"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoSpecial is a message type with a JSON of its own.
type protoSpecial uint8

const (
	protoOrdinary protoSpecial = iota
	protoAny
	protoTimestamp
	protoDuration
	protoFieldMask
	protoStruct
	protoValue
	protoListValue
	protoWrapper
)

var protoSpecials = map[protoreflect.FullName]protoSpecial{
	"google.protobuf.Any":         protoAny,
	"google.protobuf.Timestamp":   protoTimestamp,
	"google.protobuf.Duration":    protoDuration,
	"google.protobuf.FieldMask":   protoFieldMask,
	"google.protobuf.Struct":      protoStruct,
	"google.protobuf.Value":       protoValue,
	"google.protobuf.ListValue":   protoListValue,
	"google.protobuf.DoubleValue": protoWrapper,
	"google.protobuf.FloatValue":  protoWrapper,
	"google.protobuf.Int64Value":  protoWrapper,
	"google.protobuf.UInt64Value": protoWrapper,
	"google.protobuf.Int32Value":  protoWrapper,
	"google.protobuf.UInt32Value": protoWrapper,
	"google.protobuf.BoolValue":   protoWrapper,
	"google.protobuf.StringValue": protoWrapper,
	"google.protobuf.BytesValue":  protoWrapper,
}

// specialMessage reads a message that has a JSON of its own.
func (r *protoReader) specialMessage(m *protoMessage, data []byte) bool {
	if !r.enter() {
		return false
	}
	ok := false
	switch m.special {
	case protoAny:
		ok = r.any(m, data)
	case protoTimestamp, protoDuration:
		ok = r.clock(m, data)
	case protoFieldMask:
		ok = r.fieldMask(m, data)
	case protoStruct:
		ok = r.bare(m, data, "{}")
	case protoListValue:
		ok = r.bare(m, data, "[]")
	case protoValue:
		ok = r.oneValue(m, data)
	default:
		var v []byte
		v, ok = r.pick(m, data, 1)
		ok = ok && r.value(&m.fields[m.find(1)], v)
	}
	r.depth--
	return ok
}

// bare appends the items of a message's only field, which is a list or map.
func (r *protoReader) bare(m *protoMessage, data []byte, brackets string) bool {
	if !r.char(brackets[0]) {
		return false
	}
	for from := len(r.out); ; {
		o, rest, ok := r.next(m, data)
		if !ok {
			return false
		}
		if o.index < 0 {
			return r.char(brackets[1])
		}
		if !r.part(&m.fields[o.index], o, from) {
			return false
		}
		data = rest
	}
}

// oneValue appends a google.protobuf.Value: the last of its members, or null.
func (r *protoReader) oneValue(m *protoMessage, data []byte) bool {
	found := occurrence{index: -1}
	for {
		o, rest, ok := r.next(m, data)
		if !ok {
			return false
		}
		if o.index < 0 {
			break
		}
		if o.index == found.index {
			if o, ok = r.merge(&m.fields[o.index], found, o); !ok {
				return false
			}
		}
		found, data = o, rest
	}
	if found.index < 0 {
		return r.raw("null")
	}
	return r.value(&m.fields[found.index], found.data)
}

// fieldMask appends the paths as one string, in lowerCamelCase.
func (r *protoReader) fieldMask(m *protoMessage, data []byte) bool {
	if !r.char('"') {
		return false
	}
	for from := len(r.out); ; {
		o, rest, ok := r.next(m, data)
		if !ok {
			return false
		}
		if o.index < 0 {
			return r.char('"')
		}
		if !r.separated(from) || !r.room(6*len(o.data)+2) {
			return false
		}
		quoted := len(r.out)
		if !r.text(camelCase(o.data)) {
			return false
		}
		r.out = append(r.out[:quoted], r.out[quoted+1:len(r.out)-1]...)
		data = rest
	}
}

// camelCase makes fooBar of foo_bar.
func camelCase(path []byte) []byte {
	if !bytes.ContainsRune(path, '_') {
		return path
	}
	out, upper := make([]byte, 0, len(path)), false
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
	if inside.special == protoOrdinary {
		return r.body(inside, value, 0) && r.char('}')
	}
	return r.raw(`,"value":`) && r.message(inside, value) && r.char('}')
}

const (
	maxProtoDuration = 315_576_000_000 // seconds
	firstProtoSecond = -62135596800    // 0001-01-01T00:00:00Z
	nanosPerSecond   = 1_000_000_000
)

// clock appends a Timestamp or Duration, with 0, 3, 6 or 9 decimals.
func (r *protoReader) clock(m *protoMessage, data []byte) bool {
	s, ok := r.pick(m, data, 1)
	if !ok {
		return false
	}
	n, ok := r.pick(m, data, 2)
	if !ok {
		return false
	}
	seconds, nanos := signed(protoreflect.Int64Kind, s), signed(protoreflect.Int32Kind, n)
	if m.special == protoDuration {
		return r.protoDuration(seconds, nanos)
	}
	if seconds < firstProtoSecond || seconds >= (lastDay+1)*secondsOfDay || nanos < 0 || nanos >= nanosPerSecond {
		return r.fail(faultTimestamp)
	}
	if !r.room(len(`"2006-01-02T15:04:05.000000000Z"`)) {
		return false
	}
	day, second := floorDiv(seconds, secondsOfDay)
	out := append(appendDay(append(r.out, '"'), day), 'T')
	out = appendTimeOfDay(out, second, 0, 1)
	r.out = append(appendNanos(out, nanos), 'Z', '"')
	return true
}

func (r *protoReader) protoDuration(seconds, nanos int64) bool {
	negative := seconds < 0 || nanos < 0
	if negative {
		seconds, nanos = -seconds, -nanos
	}
	if seconds < 0 || nanos < 0 || seconds > maxProtoDuration || nanos >= nanosPerSecond { // their signs differ, or they are too large
		return r.fail(faultDuration)
	}
	if !r.char('"') || negative && !r.char('-') || !r.integer(seconds) || !r.room(12) {
		return false
	}
	r.out = append(appendNanos(r.out, nanos), 's', '"')
	return true
}

// appendNanos appends a fraction of a second with 0, 3, 6 or 9 decimals.
func appendNanos(out []byte, nanos int64) []byte {
	switch {
	case nanos == 0:
		return out
	case nanos%1_000_000 == 0:
		return appendDigits(append(out, '.'), nanos/1_000_000, 3)
	case nanos%1_000 == 0:
		return appendDigits(append(out, '.'), nanos/1_000, 6)
	default:
		return appendDigits(append(out, '.'), nanos, 9)
	}
}
