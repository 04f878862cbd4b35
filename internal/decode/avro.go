package decode

import (
	"encoding/binary"
	"math"
)

// avroType reads one datum of a type. It is what a schema, or a part of one, is
// compiled to.
type avroType func(r *avroReader) bool

// avroReader turns one datum of Avro's binary encoding into JSON. Its methods
// return false with the fault set, as those of writer do.
type avroReader struct {
	writer
	in []byte // what is left of the value
}

// avroPrimitives read the types that have no parts.
var avroPrimitives = map[string]avroType{
	"null": func(r *avroReader) bool { return r.raw("null") },
	"boolean": func(r *avroReader) bool {
		b, ok := r.take(1)
		if ok && b[0] > 1 {
			return r.fail(faultBoolean)
		}
		return ok && r.boolean(b[0] == 1)
	},
	"int": func(r *avroReader) bool {
		v, ok := r.int()
		return ok && r.integer(v)
	},
	"long": func(r *avroReader) bool {
		v, ok := r.long()
		return ok && r.integer(v)
	},
	"float": func(r *avroReader) bool {
		b, ok := r.take(4)
		return ok && r.float(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), 32)
	},
	"double": func(r *avroReader) bool {
		b, ok := r.take(8)
		return ok && r.float(math.Float64frombits(binary.LittleEndian.Uint64(b)), 64)
	},
	"bytes": func(r *avroReader) bool {
		b, ok := r.prefixed()
		return ok && r.base64(b)
	},
	"string": func(r *avroReader) bool {
		s, ok := r.prefixed()
		return ok && r.text(s)
	},
}

// avroRecord has the fields of a record. They are added after the record is known by
// its name, since they may refer to it.
type avroRecord struct{ fields []avroField }

// avroField is a field of a record.
type avroField struct {
	key  string // `"name":`, with the bracket or comma before it
	read avroType
}

func (t *avroRecord) read(r *avroReader) bool {
	if len(t.fields) == 0 {
		return r.raw("{}")
	}
	if !r.enter() {
		return false
	}
	for i := range t.fields {
		f := &t.fields[i]
		if !r.raw(f.key) || !f.read(r) {
			return false
		}
	}
	r.depth--
	return r.char('}')
}

// avroUnion has the branches of a union.
type avroUnion []avroType

func (t avroUnion) read(r *avroReader) bool {
	v, ok := r.long()
	if !ok {
		return false
	}
	if v < 0 || v >= int64(len(t)) {
		return r.fail(faultBranch)
	}
	return t[v](r)
}

// avroEnum has the symbols of an enum, as JSON strings.
type avroEnum []string

func (t avroEnum) read(r *avroReader) bool {
	v, ok := r.int()
	if !ok {
		return false
	}
	if v < 0 || v >= int64(len(t)) {
		return r.fail(faultSymbol)
	}
	return r.raw(t[v])
}

// avroArray reads the items of an array.
func avroArray(item avroType) avroType {
	return func(r *avroReader) bool { return r.char('[') && r.blocks(item) && r.char(']') }
}

// avroMap reads the keys and values of a map.
func avroMap(value avroType) avroType {
	member := func(r *avroReader) bool {
		key, ok := r.prefixed()
		return ok && r.text(key) && r.char(':') && value(r)
	}
	return func(r *avroReader) bool { return r.char('{') && r.blocks(member) && r.char('}') }
}

// blocks reads the items of an array or map. Those that have no bytes are bounded by
// the room for their JSON.
func (r *avroReader) blocks(item avroType) bool {
	if !r.enter() {
		return false
	}
	for from := len(r.out); ; {
		count, ok := r.block()
		if !ok {
			return false
		}
		if count == 0 {
			r.depth--
			return true
		}
		for ; count > 0; count-- {
			if !r.separated(from) || !item(r) {
				return false
			}
		}
	}
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
