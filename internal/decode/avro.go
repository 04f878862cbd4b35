package decode

import (
	"encoding/binary"
	"math"
	"strconv"
)

// avroKind is how a node's data is read and what it becomes.
type avroKind uint8

const (
	avroNull avroKind = iota
	avroBoolean
	avroInt
	avroLong
	avroFloat
	avroDouble
	avroBytes
	avroString
	avroRecord
	avroEnum
	avroArray
	avroMap
	avroUnion
	avroFixed
	// Logical types.
	avroDecimal        // of bytes
	avroDecimalFixed   // of fixed
	avroDate           // of int
	avroTimeMillis     // of int
	avroTimeOfDay      // of long, in parts of a second
	avroTimestamp      // of long, in parts of a second
	avroLocalTimestamp // the same without a zone
	avroUUIDFixed      // of fixed
	avroDuration       // of fixed
)

// avroNode is a schema, or a part of one, ready to be read by. Named types that
// refer to themselves are circles of nodes.
type avroNode struct {
	kind avroKind

	fields  []avroField // record
	nodes   []*avroNode // union: the branches; array and map: one, of the items
	symbols []string    // enum: JSON strings

	size      int   // fixed types, in bytes
	scale     int   // decimals
	perSecond int64 // of times: 1e3, 1e6 or 1e9
	least     int   // bytes that a datum has at least
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
	in    []byte // what is left of the value
	depth int
}

func (r *avroReader) fail(f fault) bool {
	r.fault = f
	return false
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
		b, ok := r.prefixed()
		return ok && r.base64(b)
	case avroEnum:
		return r.enum(n)
	case avroArray, avroMap:
		return r.blocks(n)
	case avroFixed:
		b, ok := r.take(n.size)
		return ok && r.base64(b)
	default:
		return r.logical(n)
	}
}

func (r *avroReader) logical(n *avroNode) bool {
	switch n.kind {
	case avroDecimal:
		b, ok := r.prefixed()
		return ok && r.decimal(b, n.scale)
	case avroDecimalFixed:
		b, ok := r.take(n.size)
		return ok && r.decimal(b, n.scale)
	case avroDate:
		v, ok := r.int()
		return ok && r.date(v)
	case avroTimeMillis:
		v, ok := r.int()
		return ok && r.timeOfDay(v, 1e3)
	case avroTimeOfDay:
		v, ok := r.long()
		return ok && r.timeOfDay(v, n.perSecond)
	case avroTimestamp:
		v, ok := r.long()
		return ok && r.timestamp(v, n.perSecond, "Z")
	case avroLocalTimestamp:
		v, ok := r.long()
		return ok && r.timestamp(v, n.perSecond, "")
	case avroUUIDFixed:
		b, ok := r.take(n.size)
		return ok && r.uuid(b)
	default:
		b, ok := r.take(n.size)
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
		if least := int64(n.least); least > 0 && count > int64(len(r.in))/least {
			return r.fail(faultEnd)
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

// enter counts a level of nesting.
func (r *avroReader) enter() bool {
	if r.depth++; r.depth > maxDepth {
		return r.fail(faultDepth)
	}
	return true
}

// take reads n bytes.
func (r *avroReader) take(n int) (b []byte, ok bool) {
	if n > len(r.in) {
		return nil, r.fail(faultEnd)
	}
	b, r.in = r.in[:n], r.in[n:]
	return b, true
}

// prefixed reads bytes or a string, which their length precedes.
func (r *avroReader) prefixed() (b []byte, ok bool) {
	n, ok := r.long()
	switch {
	case !ok:
		return nil, false
	case n < 0:
		return nil, r.fail(faultLength)
	case n > int64(len(r.in)):
		return nil, r.fail(faultEnd)
	}
	return r.take(int(n))
}

func (r *avroReader) int() (v int64, ok bool) {
	if v, ok = r.long(); ok && (v < math.MinInt32 || v > math.MaxInt32) {
		return 0, r.fail(faultRange)
	}
	return v, ok
}

// long reads a zigzag varint.
func (r *avroReader) long() (v int64, ok bool) {
	if len(r.in) > 0 && r.in[0] < 0x80 { // the common case
		u := r.in[0]
		r.in = r.in[1:]
		return int64(u>>1) ^ -int64(u&1), true
	}
	u, n := binary.Uvarint(r.in)
	if n <= 0 {
		if n == 0 {
			return 0, r.fail(faultEnd)
		}
		return 0, r.fail(faultVarint)
	}
	r.in = r.in[n:]
	return int64(u>>1) ^ -int64(u&1), true
}

// uuid appends 16 bytes in the form of RFC 9562.
func (r *avroReader) uuid(b []byte) bool {
	const digits = "0123456789abcdef"
	if !r.room(38) {
		return false
	}
	out := append(r.out, '"')
	for i, c := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = append(out, digits[c>>4], digits[c&15])
	}
	r.out = append(out, '"')
	return true
}

// duration appends months, days and milliseconds in the form of ISO 8601.
func (r *avroReader) duration(b []byte) bool {
	if !r.room(48) {
		return false
	}
	number := func(i int) uint64 { return uint64(binary.LittleEndian.Uint32(b[i:])) }
	out := strconv.AppendUint(append(r.out, `"P`...), number(0), 10)
	out = strconv.AppendUint(append(out, 'M'), number(4), 10)
	out = strconv.AppendUint(append(out, "DT"...), number(8)/1000, 10)
	out = appendDigits(append(out, '.'), int64(number(8)%1000), 3)
	r.out = append(out, `S"`...)
	return true
}
