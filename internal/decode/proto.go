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
	if !r.enter() {
		return false
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
