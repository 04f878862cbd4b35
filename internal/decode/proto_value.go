package decode

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// value appends a scalar or message. No data is the default of its kind. Integers of
// 64 bits become strings.
func (r *protoReader) value(f *protoField, data []byte) bool {
	switch f.kind {
	case protoreflect.StringKind:
		return r.text(data)
	case protoreflect.BytesKind:
		return r.base64(data)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return r.message(f.message, data)
	case protoreflect.FloatKind:
		return r.float(float64(math.Float32frombits(fixed32(data))), 32)
	case protoreflect.DoubleKind:
		return r.float(math.Float64frombits(fixed64(data)), 64)
	case protoreflect.BoolKind:
		return r.boolean(varint(data) != 0)
	case protoreflect.EnumKind:
		return r.enum(f, int32(varint(data)))
	case protoreflect.Int32Kind:
		return r.integer(int64(int32(varint(data))))
	case protoreflect.Uint32Kind:
		return r.integer(int64(uint32(varint(data))))
	case protoreflect.Sint32Kind:
		return r.integer(protowire.DecodeZigZag(varint(data) & math.MaxUint32))
	case protoreflect.Fixed32Kind:
		return r.integer(int64(fixed32(data)))
	case protoreflect.Sfixed32Kind:
		return r.integer(int64(int32(fixed32(data))))
	case protoreflect.Int64Kind:
		return r.char('"') && r.integer(int64(varint(data))) && r.char('"')
	case protoreflect.Sint64Kind:
		return r.char('"') && r.integer(protowire.DecodeZigZag(varint(data))) && r.char('"')
	case protoreflect.Sfixed64Kind:
		return r.char('"') && r.integer(int64(fixed64(data))) && r.char('"')
	case protoreflect.Uint64Kind:
		return r.char('"') && r.unsigned(varint(data)) && r.char('"')
	default: // protoreflect.Fixed64Kind
		return r.char('"') && r.unsigned(fixed64(data)) && r.char('"')
	}
}

// isDefault reports whether data is the default of a scalar.
func (f *protoField) isDefault(data []byte) bool {
	switch f.wire {
	case protowire.BytesType:
		return len(data) == 0
	case protowire.Fixed32Type:
		return fixed32(data) == 0
	case protowire.Fixed64Type:
		return fixed64(data) == 0
	}
	switch f.kind {
	case protoreflect.BoolKind, protoreflect.Int64Kind, protoreflect.Uint64Kind, protoreflect.Sint64Kind:
		return varint(data) == 0
	default: // what is beyond 32 bits is cut off
		return uint32(varint(data)) == 0
	}
}

// varint reads a number whose form is known to be right, or 0 where there is none.
// fixed32 and fixed64 do the same.
func varint(data []byte) uint64 {
	v, _ := protowire.ConsumeVarint(data)
	return v
}

func fixed32(data []byte) uint32 {
	v, _ := protowire.ConsumeFixed32(data)
	return v
}

func fixed64(data []byte) uint64 {
	v, _ := protowire.ConsumeFixed64(data)
	return v
}

func (r *protoReader) unsigned(v uint64) bool {
	if !r.room(maxNumber) {
		return false
	}
	r.out = strconv.AppendUint(r.out, v, 10)
	return true
}

// enum appends the name of a value, or its number where that has no name.
func (r *protoReader) enum(f *protoField, v int32) bool {
	name, ok := f.enum[v]
	switch {
	case f.null:
		return r.raw("null")
	case ok:
		return r.raw(name)
	default:
		return r.integer(int64(v))
	}
}

// entry appends a key and a value of a map. What is missing of either is the default.
func (r *protoReader) entry(m *protoMessage, data []byte) bool {
	k, ok := r.pick(m, data, 1)
	if !ok || !r.mapKey(m.find(1), k) || !r.char(':') {
		return false
	}
	v, ok := r.pick(m, data, 2)
	return ok && r.value(m.find(2), v)
}

// mapKey appends a key as a string, which those of some kinds are already.
func (r *protoReader) mapKey(f *protoField, data []byte) bool {
	switch f.kind {
	case protoreflect.BoolKind, protoreflect.Int32Kind, protoreflect.Uint32Kind, protoreflect.Sint32Kind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return r.char('"') && r.value(f, data) && r.char('"')
	default:
		return r.value(f, data)
	}
}

// pick returns the data of a field that is no list, none if the message has none.
func (r *protoReader) pick(m *protoMessage, data []byte, number protoreflect.FieldNumber) (picked []byte, ok bool) {
	var found occurrence
	for {
		o, rest, more := r.next(m, data)
		if !more {
			return found.data, r.fault == faultNone
		}
		if o.field.number == number && !r.merge(&found, o) {
			return nil, false
		}
		data = rest
	}
}
