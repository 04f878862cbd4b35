package decode

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// next reads the first field that the message knows, and returns what follows it. It
// returns false at the end, or with the fault set where data is damaged.
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
		f := m.find(number)
		if f == nil || !f.takes(wire) {
			continue // it is unknown
		}
		o = occurrence{f, inner(wire, value, number)}
		if len(o.data) == 0 && wire != f.wire {
			continue // a list without items
		}
		return o, data, true
	}
	return occurrence{}, nil, false
}

// takes reports whether the field is written with a wire type; numbers of a list may
// be packed or not, whatever its declaration says.
func (f *protoField) takes(wire protowire.Type) bool {
	return wire == f.wire || wire == protowire.BytesType && f.isList() && f.isNumber()
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
