package decode

import (
	"slices"

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
	sorted []occurrence // of the messages that are being read, the outermost first
	merged int          // bytes that were copied because a message came in parts
}

// Bounds of the memory for a message that is not in order: about 3 MiB to sort its
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
	start := len(r.sorted)
	ok := r.enter() && (r.ordered(m, data) || r.fault == faultNone && r.sort(m, data)) && r.members(m, data, start, from)
	clear(r.sorted[start:])
	r.sorted = r.sorted[:start]
	r.depth--
	return ok
}

// ordered reports whether the fields come in the order of their numbers, each that
// is no list once, and of each oneof one.
func (r *protoReader) ordered(m *protoMessage, data []byte) bool {
	last, oneofs := protoreflect.FieldNumber(0), uint64(0)
	for {
		o, rest, ok := r.next(m, data)
		if !ok || o.index < 0 {
			return ok
		}
		f := &m.fields[o.index]
		if f.number < last || f.number == last && !f.isList() {
			return false
		}
		if f.oneof >= 0 {
			bit := uint64(1) << min(f.oneof, 63)
			if oneofs&bit != 0 {
				return false
			}
			oneofs |= bit
		}
		last, data = f.number, rest
	}
}

// sort collects the fields behind those of outer messages, in the order of their
// place in the schema. What a later one replaces has the index -1 then.
func (r *protoReader) sort(m *protoMessage, data []byte) bool {
	start := len(r.sorted)
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
	fields := r.sorted[start:]
	settleOneofs(m, fields)
	slices.SortStableFunc(fields, func(a, b occurrence) int { return int(a.index) - int(b.index) })
	for i := 1; i < len(fields); i++ {
		a, b := &fields[i-1], &fields[i]
		if a.index != b.index || a.index < 0 || m.fields[a.index].isList() {
			continue
		}
		var ok bool
		if *b, ok = r.merge(&m.fields[b.index], *a, *b); !ok {
			return false
		}
		a.index = -1
	}
	return true
}

// settleOneofs takes out what a later member of the same oneof has replaced: all but
// the last ones in a row of one member.
func settleOneofs(m *protoMessage, all []occurrence) {
	const over = -2 // another member has come before the row
	members := map[int]int32{}
	for i := len(all) - 1; i >= 0; i-- {
		oneof := m.fields[all[i].index].oneof
		if oneof < 0 {
			continue
		}
		if member, ok := members[oneof]; !ok {
			members[oneof] = all[i].index
		} else if member != all[i].index {
			members[oneof], all[i].index = over, -1
		}
	}
}

// members appends the fields as they come: those sorted from start on, or without any
// those of data.
func (r *protoReader) members(m *protoMessage, data []byte, start, from int) bool {
	sorted := len(r.sorted) - start
	open, items := int32(-1), 0 // the list whose bracket is open, and where its items begin
	for i := 0; ; i++ {
		var o occurrence
		ok := true
		switch {
		case sorted == 0:
			o, data, ok = r.next(m, data)
		case i == sorted:
			o.index = -1
		case r.sorted[start+i].index < 0:
			continue
		default:
			o = r.sorted[start+i]
		}
		if open >= 0 && open != o.index {
			ok = ok && r.char(m.fields[open].brackets()[1])
			open = -1
		}
		if !ok || o.index < 0 {
			return ok
		}
		f := &m.fields[o.index]
		if !f.isList() {
			ok = r.single(f, o, from)
		} else {
			if open < 0 {
				ok = r.separated(from) && r.raw(f.key) && r.char(f.brackets()[0])
				open, items = o.index, len(r.out)
			}
			ok = ok && r.part(f, o, items)
		}
		if !ok {
			return false
		}
	}
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

// isList reports whether the field may have several items: a list or a map.
func (f *protoField) isList() bool { return f.list || f.entry != nil }

func (f *protoField) brackets() string {
	if f.entry != nil {
		return "{}"
	}
	return "[]"
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
