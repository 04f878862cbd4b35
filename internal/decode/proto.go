package decode

import (
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoReader turns one message of Protobuf's wire format into its canonical JSON
// (https://protobuf.dev/programming-guides/json). It writes while it reads; only a
// message whose fields do not come in the order of their numbers, as those of nearly
// all serializers do, is sorted first. Its methods return false with the fault set,
// as those of writer do.
type protoReader struct {
	writer
	file   *protoFile
	depth  int
	sorted []occurrence // of the messages that are being read, the outermost first
	merged int          // bytes that were copied because a message came in parts
}

// Bounds of what a message that is not in order may take: about 3 MiB to sort its
// fields, and 2 MiB to put together messages that come in parts.
const (
	maxOccurrences = 1 << 16
	maxMerged      = 2 << 20
)

// occurrence is one field of a message as it stands in the data.
type occurrence struct {
	index int32 // in the message's fields
	wire  protowire.Type
	data  []byte
}

func (r *protoReader) fail(f fault) bool {
	r.fault = f
	return false
}

// message reads a message that fills data.
func (r *protoReader) message(m *protoMessage, data []byte) bool {
	if m.special != protoOrdinary {
		return r.specialMessage(m, data)
	}
	if !r.char('{') {
		return false
	}
	return r.body(m, data, len(r.out)) && r.char('}')
}

// body appends the members of a message's object; it begins at from in out.
func (r *protoReader) body(m *protoMessage, data []byte, from int) bool {
	if r.depth++; r.depth > maxDepth {
		return r.fail(faultDepth)
	}
	ordered, ok := r.ordered(m, data)
	if !ok {
		return false
	}
	if ordered {
		ok = r.inOrder(m, data, from)
	} else {
		ok = r.outOfOrder(m, data, from)
	}
	r.depth--
	return ok
}

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

// fieldSize is how long a field's value is, without its tag, or -1 if it is none.
func fieldSize(number protowire.Number, wire protowire.Type, data []byte, depth int) int {
	switch wire {
	case protowire.VarintType:
		_, n := protowire.ConsumeVarint(data)
		return n
	case protowire.Fixed32Type:
		_, n := protowire.ConsumeFixed32(data)
		return n
	case protowire.Fixed64Type:
		_, n := protowire.ConsumeFixed64(data)
		return n
	case protowire.BytesType:
		_, n := protowire.ConsumeBytes(data)
		return n
	case protowire.StartGroupType:
		return groupSize(number, data, depth+1)
	default:
		return -1
	}
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

// inner is what of a field's value is the data: what is between the length, or the
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

// ordered reports whether the fields come in the order of their numbers, each that
// is no list once, and of each oneof one.
func (r *protoReader) ordered(m *protoMessage, data []byte) (ordered, ok bool) {
	last, oneofs := protoreflect.FieldNumber(0), uint64(0)
	for {
		o, rest, ok := r.next(m, data)
		if !ok || o.index < 0 {
			return true, ok
		}
		f := &m.fields[o.index]
		if f.number < last || f.number == last && !f.isList() {
			return false, true
		}
		if f.oneof >= 0 {
			bit := uint64(1) << min(f.oneof, 63)
			if oneofs&bit != 0 {
				return false, true
			}
			oneofs |= bit
		}
		last, data = f.number, rest
	}
}

// inOrder appends the fields as they come.
func (r *protoReader) inOrder(m *protoMessage, data []byte, from int) bool {
	open, items := int32(-1), 0 // the list whose bracket is open, and where its items begin
	for {
		o, rest, ok := r.next(m, data)
		if !ok {
			return false
		}
		if open >= 0 && open != o.index {
			if !r.char(m.fields[open].brackets()[1]) {
				return false
			}
			open = -1
		}
		if o.index < 0 {
			return true
		}
		f := &m.fields[o.index]
		if f.isList() {
			if open < 0 {
				open = o.index
				if !r.open(f, from) {
					return false
				}
				items = len(r.out)
			}
			ok = r.part(f, o, items)
		} else {
			ok = r.single(f, o, from)
		}
		if !ok {
			return false
		}
		data = rest
	}
}

// outOfOrder sorts the fields first.
func (r *protoReader) outOfOrder(m *protoMessage, data []byte, from int) bool {
	start := len(r.sorted)
	defer func() {
		clear(r.sorted[start:])
		r.sorted = r.sorted[:start]
	}()
	for {
		o, rest, ok := r.next(m, data)
		if !ok {
			return false
		}
		if o.index < 0 {
			break
		}
		if len(r.sorted) == maxOccurrences {
			return r.fail(faultScattered)
		}
		r.sorted, data = append(r.sorted, o), rest
	}
	end := len(r.sorted)
	settleOneofs(m, r.sorted[start:end])
	slices.SortStableFunc(r.sorted[start:end], func(a, b occurrence) int { return int(a.index) - int(b.index) })
	for i := start; i < end; {
		next := i + 1
		for next < end && r.sorted[next].index == r.sorted[i].index {
			next++
		}
		if r.sorted[i].index >= 0 && !r.group(&m.fields[r.sorted[i].index], i, next, from) {
			return false
		}
		i = next
	}
	return true
}

// settleOneofs takes out what a later member of the same oneof has replaced.
func settleOneofs(m *protoMessage, all []occurrence) {
	type last struct {
		index int32
		ended bool
	}
	members := map[int]last{}
	for i := len(all) - 1; i >= 0; i-- {
		oneof := m.fields[all[i].index].oneof
		if oneof < 0 {
			continue
		}
		member, ok := members[oneof]
		switch {
		case !ok:
			members[oneof] = last{index: all[i].index}
		case member.index != all[i].index:
			members[oneof] = last{index: member.index, ended: true}
			all[i].index = -1
		case member.ended:
			all[i].index = -1
		}
	}
}

// group appends one field from its occurrences sorted[i:end].
func (r *protoReader) group(f *protoField, i, end, from int) bool {
	if !f.isList() {
		o := r.sorted[i]
		for i++; i < end; i++ {
			var ok bool
			if o, ok = r.merge(f, o, r.sorted[i]); !ok {
				return false
			}
		}
		return r.single(f, o, from)
	}
	if !r.open(f, from) {
		return false
	}
	for items := len(r.out); i < end; i++ {
		if !r.part(f, r.sorted[i], items) {
			return false
		}
	}
	return r.char(f.brackets()[1])
}

// merge returns what two occurrences of a field that is no list come to: the last
// one, or for messages their parts, which their bytes in a row are.
func (r *protoReader) merge(f *protoField, a, b occurrence) (o occurrence, ok bool) {
	if f.message == nil {
		return b, true
	}
	if r.merged += len(a.data) + len(b.data); r.merged > maxMerged {
		return b, r.fail(faultScattered)
	}
	b.data = slices.Concat(a.data, b.data)
	return b, true
}

// single appends a field that is no list. Without presence it is left out if it
// holds the default.
func (r *protoReader) single(f *protoField, o occurrence, from int) bool {
	if !f.presence && isZero(f.kind, o.data) {
		return true
	}
	return r.separated(from) && r.raw(f.key) && r.value(f, o.data)
}

// isZero reports whether a scalar is its type's default.
func isZero(kind protoreflect.Kind, data []byte) bool {
	switch kind {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return len(data) == 0
	case protoreflect.BoolKind, protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Uint32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Uint64Kind:
		return signed(kind, data) == 0
	default:
		for _, b := range data {
			if b != 0 {
				return false
			}
		}
		return true
	}
}

// isList reports whether the field may have several items: a list or a map.
func (f *protoField) isList() bool { return f.list || f.entry != nil }

func (f *protoField) brackets() string {
	if f.entry != nil {
		return "{}"
	}
	return "[]"
}

// open begins a list or map.
func (r *protoReader) open(f *protoField, from int) bool {
	return r.separated(from) && r.raw(f.key) && r.char(f.brackets()[0])
}

// part appends one item of a list or map, or several where numbers are packed. The
// items begin at from in out.
func (r *protoReader) part(f *protoField, o occurrence, from int) bool {
	switch {
	case f.entry != nil:
		return r.separated(from) && r.entry(f.entry, o.data)
	case !f.packed(o.wire):
		return r.separated(from) && r.value(f, o.data)
	}
	for data := o.data; len(data) > 0; {
		n := fieldSize(0, wireTypes[f.kind], data, 0)
		if n < 0 {
			return r.fail(faultWire)
		}
		if !r.separated(from) || !r.value(f, data[:n]) {
			return false
		}
		data = data[n:]
	}
	return true
}

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
