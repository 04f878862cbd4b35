package decode

import (
	"slices"

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
	maxOccurrences  = 1 << 16
	maxMerged       = 2 << 20
	keptOccurrences = 1 << 10 // what is kept for the next message
)

// occurrence is one field of a message as it stands in the data.
type occurrence struct {
	field *protoField // nil: none
	data  []byte      // of a list of numbers one or more, packed or not
}

// message reads a message that fills data.
func (r *protoReader) message(m *protoMessage, data []byte) bool {
	if m.special == nil {
		return r.char('{') && r.body(m, data, len(r.out)) && r.char('}')
	}
	ok := r.enter() && m.special(r, m, data)
	r.depth--
	return ok
}

// body appends the members of a message's object; it begins at from in out.
func (r *protoReader) body(m *protoMessage, data []byte, from int) bool {
	start := len(r.sorted)
	ok := r.enter() && (r.ordered(m, data) || r.fault == faultNone && r.sort(m, data)) && r.members(m, data, r.sorted[start:], from)
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
		if !ok {
			return r.fault == faultNone
		}
		f := o.field
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
// place in the schema and without what a later one replaces.
func (r *protoReader) sort(m *protoMessage, data []byte) bool {
	start := len(r.sorted)
	for {
		o, rest, ok := r.next(m, data)
		if !ok {
			break
		}
		if len(r.sorted) == maxOccurrences {
			return r.fail(faultScattered)
		}
		r.sorted, data = append(r.sorted, o), rest
	}
	if r.fault != faultNone {
		return false
	}
	fields := settleOneofs(r.sorted[start:])
	slices.SortStableFunc(fields, func(a, b occurrence) int { return a.field.place - b.field.place })
	kept := fields[:0]
	for _, o := range fields {
		last := len(kept) - 1
		if last < 0 || kept[last].field != o.field || o.field.isList() {
			kept = append(kept, o)
		} else if !r.merge(&kept[last], o) {
			return false
		}
	}
	clear(fields[len(kept):])
	r.sorted = r.sorted[:start+len(kept)]
	return true
}

// settleOneofs takes out what a later member of the same oneof has replaced: all but
// the last ones in a row of one member.
func settleOneofs(all []occurrence) []occurrence {
	last := map[int]*protoField{} // the member of each oneof; none once another has come before its row
	for i, o := range slices.Backward(all) {
		if o.field.oneof < 0 {
			continue
		}
		if member, ok := last[o.field.oneof]; !ok {
			last[o.field.oneof] = o.field
		} else if member != o.field {
			last[o.field.oneof], all[i].field = nil, nil
		}
	}
	return slices.DeleteFunc(all, func(o occurrence) bool { return o.field == nil })
}

// members appends the fields as they come: those that are sorted, or without any
// those of data.
func (r *protoReader) members(m *protoMessage, data []byte, sorted []occurrence, from int) bool {
	inOrder := len(sorted) == 0
	var list *protoField // whose bracket is open
	items := 0           // where its items begin
	for {
		var o occurrence
		if inOrder {
			o, data, _ = r.next(m, data)
		} else if len(sorted) > 0 {
			o, sorted = sorted[0], sorted[1:]
		}
		f := o.field
		if list != nil && list != f && !r.char(list.brackets[1]) {
			return false
		}
		ok := true
		switch {
		case f == nil:
			return r.fault == faultNone
		case !f.isList():
			list, ok = nil, r.single(f, o.data, from)
		default:
			if list != f {
				ok = r.separated(from) && r.raw(f.key) && r.char(f.brackets[0])
				list, items = f, len(r.out)
			}
			ok = ok && r.part(o, items)
		}
		if !ok {
			return false
		}
	}
}

// merge makes of an occurrence of a field, or of none, what it and a later one come
// to: the later one, or for a message their parts, which their bytes in a row are.
func (r *protoReader) merge(o *occurrence, later occurrence) bool {
	if o.field == later.field && o.field.message != nil {
		if r.merged += len(o.data) + len(later.data); r.merged > maxMerged {
			return r.fail(faultScattered)
		}
		later.data = slices.Concat(o.data, later.data)
	}
	*o = later
	return true
}

// single appends a field that is no list, but not the default of one without presence.
func (r *protoReader) single(f *protoField, data []byte, from int) bool {
	if !f.presence && f.isDefault(data) {
		return true
	}
	return r.separated(from) && r.raw(f.key) && r.value(f, data)
}

// part appends one item of a list or map, or several where numbers are packed. The
// items begin at from in out.
func (r *protoReader) part(o occurrence, from int) bool {
	f := o.field
	switch {
	case f.entry != nil:
		return r.separated(from) && r.entry(f.entry, o.data)
	case !f.isNumber():
		return r.separated(from) && r.value(f, o.data)
	}
	for data := o.data; len(data) > 0; {
		n := fieldSize(0, f.wire, data, 0)
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
