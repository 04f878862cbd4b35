package decode

import (
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// value appends a scalar or message.
func (r *protoReader) value(f *protoField, data []byte) bool {
	switch f.kind {
	case protoreflect.StringKind:
		return r.text(data)
	case protoreflect.BytesKind:
		return r.base64(data)
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return r.message(f.message, data)
	case protoreflect.FloatKind:
		v, _ := protowire.ConsumeFixed32(data)
		return r.float(float64(math.Float32frombits(v)), 32)
	case protoreflect.DoubleKind:
		v, _ := protowire.ConsumeFixed64(data)
		return r.float(math.Float64frombits(v), 64)
	case protoreflect.BoolKind:
		v, _ := protowire.ConsumeVarint(data)
		return r.boolean(v != 0)
	case protoreflect.EnumKind:
		v, _ := protowire.ConsumeVarint(data)
		return r.enum(f, int32(v))
	default:
		return r.number(f.kind, data)
	}
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

// number appends an integer, one of 64 bits as a string.
func (r *protoReader) number(kind protoreflect.Kind, data []byte) bool {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Uint32Kind, protoreflect.Sint32Kind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return r.integer(signed(kind, data))
	}
	if !r.char('"') {
		return false
	}
	if kind == protoreflect.Uint64Kind || kind == protoreflect.Fixed64Kind {
		if !r.room(maxNumber) {
			return false
		}
		r.out = strconv.AppendUint(r.out, uint64(signed(kind, data)), 10)
	} else if !r.integer(signed(kind, data)) {
		return false
	}
	return r.char('"')
}

// entry appends a key and a value of a map. What is missing of either is the default.
func (r *protoReader) entry(m *protoMessage, data []byte) bool {
	key, value := &m.fields[m.find(1)], &m.fields[m.find(2)]
	k, ok := r.pick(m, data, 1)
	if !ok || !r.mapKey(key, k) || !r.char(':') {
		return false
	}
	v, ok := r.pick(m, data, 2)
	return ok && r.value(value, v)
}

func (r *protoReader) mapKey(f *protoField, data []byte) bool {
	switch f.kind {
	case protoreflect.StringKind:
		return r.text(data)
	case protoreflect.Int64Kind, protoreflect.Uint64Kind, protoreflect.Sint64Kind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return r.value(f, data)
	default:
		return r.char('"') && r.value(f, data) && r.char('"')
	}
}

// pick returns the data of a field that is no list, or that of its default.
func (r *protoReader) pick(m *protoMessage, data []byte, number protoreflect.FieldNumber) (picked []byte, ok bool) {
	index := int32(m.find(number))
	f := &m.fields[index]
	found := occurrence{data: zeroes[:defaultSize(f.kind)]}
	for first := true; ; {
		o, rest, ok := r.next(m, data)
		if !ok {
			return nil, false
		}
		if o.index < 0 {
			return found.data, true
		}
		if data = rest; o.index != index {
			continue
		}
		if first {
			found, first = o, false
		} else if found, ok = r.merge(f, found, o); !ok {
			return nil, false
		}
	}
}
