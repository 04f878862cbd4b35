package decode

import (
	"bytes"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// next reads a field that the message knows; index is -1 at the end.
func (r *protoReader) next(m *protoMessage, data []byte) (o occurrence, rest []byte, ok bool) {
	for len(data) > 0 {
		number, wire, n := protowire.ConsumeTag(data)
		if n < 0 {
			return o, nil, r.fail(faultWire)
		}
		size := fieldSize(number, wire, data[n:], 0)
		if size < 0 {
			return o, nil, r.fail(faultWire)
		}
		value := data[n : n+size]
		data = data[n+size:]
		i := m.find(number)
		if i < 0 || !m.fields[i].takes(wire) {
			continue // it is unknown
		}
		o = occurrence{int32(i), wire, inner(wire, value, number)}
		if len(o.data) == 0 && m.fields[i].packed(wire) {
			continue // a list without items
		}
		return o, data, true
	}
	return occurrence{index: -1}, nil, true
}

// maxGroups is how deep groups may nest: to find the end of one is to read all that
// is in it.
const maxGroups = 100

// fieldSize is how long a field's value is, without its tag; negative if it is none.
func fieldSize(number protowire.Number, wire protowire.Type, data []byte, depth int) int {
	if wire == protowire.StartGroupType {
		return groupSize(number, data, depth+1)
	}
	return protowire.ConsumeFieldValue(number, wire, data)
}

// groupSize is how long a group is, with its end tag.
func groupSize(number protowire.Number, data []byte, depth int) int {
	for all := len(data); depth <= maxGroups; {
		inside, wire, n := protowire.ConsumeTag(data)
		if n < 0 {
			break
		}
		data = data[n:]
		if wire == protowire.EndGroupType {
			if inside != number {
				break
			}
			return all - len(data)
		}
		size := fieldSize(inside, wire, data, depth)
		if size < 0 {
			break
		}
		data = data[size:]
	}
	return -1
}

// inner returns the data within a field's value: what is between the length, or the
// tags of a group.
func inner(wire protowire.Type, value []byte, number protowire.Number) []byte {
	switch wire {
	case protowire.BytesType:
		data, _ := protowire.ConsumeBytes(value)
		return data
	case protowire.StartGroupType:
		return value[:len(value)-protowire.SizeTag(number)]
	default:
		return value
	}
}

// takes reports whether the field is written with a wire type; numbers of a list may
// be packed or not, whatever its declaration says.
func (f *protoField) takes(wire protowire.Type) bool {
	own := wireTypes[f.kind]
	if f.entry != nil {
		own = protowire.BytesType
	}
	return wire == own || f.packed(wire)
}

// packed reports whether a value of a wire type holds numbers one after the other.
func (f *protoField) packed(wire protowire.Type) bool {
	own := wireTypes[f.kind]
	return f.list && wire == protowire.BytesType && own != protowire.BytesType && own != protowire.StartGroupType
}

// wireTypes has the wire type of each kind.
var wireTypes = [protoreflect.Sint64Kind + 1]protowire.Type{
	protoreflect.BoolKind: protowire.VarintType, protoreflect.EnumKind: protowire.VarintType,
	protoreflect.Int32Kind: protowire.VarintType, protoreflect.Sint32Kind: protowire.VarintType, protoreflect.Uint32Kind: protowire.VarintType,
	protoreflect.Int64Kind: protowire.VarintType, protoreflect.Sint64Kind: protowire.VarintType, protoreflect.Uint64Kind: protowire.VarintType,
	protoreflect.Sfixed32Kind: protowire.Fixed32Type, protoreflect.Fixed32Kind: protowire.Fixed32Type, protoreflect.FloatKind: protowire.Fixed32Type,
	protoreflect.Sfixed64Kind: protowire.Fixed64Type, protoreflect.Fixed64Kind: protowire.Fixed64Type, protoreflect.DoubleKind: protowire.Fixed64Type,
	protoreflect.StringKind: protowire.BytesType, protoreflect.BytesKind: protowire.BytesType,
	protoreflect.MessageKind: protowire.BytesType, protoreflect.GroupKind: protowire.StartGroupType,
}

// isZero reports whether a scalar is its type's default.
func isZero(kind protoreflect.Kind, data []byte) bool {
	switch wireTypes[kind] {
	case protowire.BytesType:
		return len(data) == 0
	case protowire.VarintType:
		return signed(kind, data) == 0
	default:
		return bytes.Count(data, []byte{0}) == len(data)
	}
}

// signed reads an integer of any kind; those of 64 bits without sign keep their bits.
func signed(kind protoreflect.Kind, data []byte) int64 {
	switch kind {
	case protoreflect.Fixed32Kind:
		v, _ := protowire.ConsumeFixed32(data)
		return int64(v)
	case protoreflect.Sfixed32Kind:
		v, _ := protowire.ConsumeFixed32(data)
		return int64(int32(v))
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		v, _ := protowire.ConsumeFixed64(data)
		return int64(v)
	}
	v, _ := protowire.ConsumeVarint(data)
	switch kind {
	case protoreflect.Int32Kind, protoreflect.EnumKind:
		return int64(int32(v))
	case protoreflect.Uint32Kind:
		return int64(uint32(v))
	case protoreflect.Sint32Kind:
		return protowire.DecodeZigZag(v & math.MaxUint32)
	case protoreflect.Sint64Kind:
		return protowire.DecodeZigZag(v)
	default:
		return int64(v)
	}
}

var zeroes = make([]byte, 8)

// defaultSize is how many bytes of zero are the default of a kind.
func defaultSize(kind protoreflect.Kind) int {
	switch wireTypes[kind] {
	case protowire.VarintType:
		return 1
	case protowire.Fixed32Type:
		return 4
	case protowire.Fixed64Type:
		return 8
	default:
		return 0
	}
}
