package decode

import (
	"encoding/binary"
	"math"
)

// avroKind is the type of a node, logical types included.
type avroKind uint8

const (
	avroNull avroKind = iota
	avroBoolean
	avroInt
	avroLong
	avroFloat
	avroDouble
	avroBytes // also of a fixed size
	avroString
	avroRecord
	avroEnum
	avroArray
	avroMap
	avroUnion
	// Logical types.
	avroDecimal   // of bytes
	avroDate      // of int
	avroTimeOfDay // of int or long, in parts of a second
	avroTimestamp // of long, in parts of a second
	avroUUID      // of bytes of a fixed size
	avroDuration  // of bytes of a fixed size
)

// avroNode is a schema, or a part of one, ready to be read by. Named types that
// refer to themselves are circles of nodes.
type avroNode struct {
	kind avroKind

	fields  []avroField // record
	nodes   []*avroNode // union: the branches; array and map: one, of the items
	symbols []string    // enum: JSON strings

	fixed     bool   // bytes: their number is size
	size      int    //
	scale     int    // decimals
	perSecond int64  // of times: 1e3, 1e6 or 1e9
	zone      string // of timestamps: "Z", or "" for local ones
}

// avroField is a field of a record.
type avroField struct {
	key  string // `"name":`, with the bracket or comma before it
	node *avroNode
}

// avroReader turns one datum of Avro's binary encoding into JSON. Its methods
// return false with the fault set, as those of writer do.
type avroReader struct {
	writer
	in []byte // what is left of the value
}

// datum reads all that a node describes.
func (r *avroReader) datum(n *avroNode) bool {
	switch n.kind {
	case avroNull:
		return r.raw("null")
	case avroString:
		s, ok := r.prefixed()
		return ok && r.text(s)
	case avroLong:
		v, ok := r.long()
		return ok && r.integer(v)
	case avroInt:
		v, ok := r.int()
		return ok && r.integer(v)
	case avroUnion:
		return r.union(n)
	case avroRecord:
		return r.record(n)
	case avroBoolean:
		b, ok := r.take(1)
		if ok && b[0] > 1 {
			return r.fail(faultBoolean)
		}
		return ok && r.boolean(b[0] == 1)
	case avroDouble:
		b, ok := r.take(8)
		return ok && r.float(math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
	case avroFloat:
		b, ok := r.take(4)
		return ok && r.float(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
	case avroBytes:
		b, ok := r.bytes(n)
		return ok && r.base64(b)
	case avroEnum:
		return r.enum(n)
	case avroArray, avroMap:
		return r.blocks(n)
	default:
		return r.logical(n)
	}
}

func (r *avroReader) logical(n *avroNode) bool {
	switch n.kind {
	case avroDecimal:
		b, ok := r.bytes(n)
		return ok && r.decimal(b, n.scale)
	case avroDate:
		v, ok := r.int()
		return ok && r.date(v)
	case avroTimeOfDay:
		v, ok := r.long()
		return ok && r.timeOfDay(v, n.perSecond)
	case avroTimestamp:
		v, ok := r.long()
		return ok && r.timestamp(v, n.perSecond, n.zone)
	case avroUUID:
		b, ok := r.bytes(n)
		return ok && r.uuid(b)
	default:
		b, ok := r.bytes(n)
		return ok && r.duration(b)
	}
}

func (r *avroReader) record(n *avroNode) bool {
	if len(n.fields) == 0 {
		return r.raw("{}")
	}
	if !r.enter() {
		return false
	}
	for i := range n.fields {
		f := &n.fields[i]
		if !r.raw(f.key) || !r.datum(f.node) {
			return false
		}
	}
	r.depth--
	return r.char('}')
}

func (r *avroReader) union(n *avroNode) bool {
	v, ok := r.long()
	if !ok {
		return false
	}
	if v < 0 || v >= int64(len(n.nodes)) {
		return r.fail(faultBranch)
	}
	return r.datum(n.nodes[v])
}

func (r *avroReader) enum(n *avroNode) bool {
	v, ok := r.int()
	if !ok {
		return false
	}
	if v < 0 || v >= int64(len(n.symbols)) {
		return r.fail(faultSymbol)
	}
	return r.raw(n.symbols[v])
}

// blocks reads an array or a map. Items that have no bytes are bounded by the room
// for their JSON.
func (r *avroReader) blocks(n *avroNode) bool {
	brackets := "[]"
	if n.kind == avroMap {
		brackets = "{}"
	}
	if !r.enter() || !r.char(brackets[0]) {
		return false
	}
	for from := len(r.out); ; {
		count, ok := r.block()
		if !ok {
			return false
		}
		if count == 0 {
			break
		}
		for ; count > 0; count-- {
			if !r.separated(from) || !r.item(n) {
				return false
			}
		}
	}
	r.depth--
	return r.char(brackets[1])
}

// block reads the head of a block and returns how many items it has.
func (r *avroReader) block() (count int64, ok bool) {
	if count, ok = r.long(); !ok || count >= 0 {
		return count, ok
	}
	if count == math.MinInt64 {
		return 0, r.fail(faultLength)
	}
	_, ok = r.long() // its size in bytes, for those that skip it
	return -count, ok
}

func (r *avroReader) item(n *avroNode) bool {
	if n.kind == avroMap {
		key, ok := r.prefixed()
		if !ok || !r.text(key) || !r.char(':') {
			return false
		}
	}
	return r.datum(n.nodes[0])
}
