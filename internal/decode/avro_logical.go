package decode

import (
	"errors"
	"math"
	"strings"
)

// logicalAvro compiles a primitive type with a logical one. It returns nil where that
// is not known, or does not fit the type: it is passed over then, as the specification
// wants it.
func logicalAvro(primitive string, schema map[string]any) avroType {
	logical, _ := schema["logicalType"].(string)
	word, local := strings.CutPrefix(logical, "local-")
	word, unit, _ := strings.Cut(word, "-")
	decimals := map[string]int{"millis": 3, "micros": 6, "nanos": 9}[unit]
	perSecond := int64(math.Pow10(decimals))
	switch {
	case primitive == "bytes" && logical == "decimal":
		return decimalAvro((*avroReader).prefixed, math.MaxInt, schema)
	case primitive == "int" && logical == "date":
		return func(r *avroReader) bool {
			v, ok := r.int()
			return ok && r.date(v)
		}
	case primitive == "int" && logical == "time-millis", primitive == "long" && word == "time" && !local && decimals > 3:
		return func(r *avroReader) bool {
			v, ok := r.long()
			return ok && r.timeOfDay(v, perSecond, decimals)
		}
	case primitive == "long" && word == "timestamp" && decimals > 0:
		zone := "Z"
		if local {
			zone = ""
		}
		return func(r *avroReader) bool {
			v, ok := r.long()
			return ok && r.timestamp(unixTime(v, perSecond), decimals, zone)
		}
	}
	return nil
}

// fixedAvro compiles a type of a fixed number of bytes, with its logical type.
func fixedAvro(schema map[string]any) (avroType, error) {
	size, ok := wholeNumber(schema["size"])
	if !ok {
		return nil, errors.New("has no size")
	}
	read := func(r *avroReader) ([]byte, bool) { return r.take(size) }
	form := (*avroReader).base64
	switch logical, _ := schema["logicalType"].(string); {
	case logical == "uuid" && size == 16:
		form = (*avroReader).uuid
	case logical == "duration" && size == 12:
		form = (*avroReader).duration
	case logical == "decimal":
		digits := int(float64(8*size-1) * math.Log10(2)) // that a number of so many bytes may have
		if t := decimalAvro(read, digits, schema); t != nil {
			return t, nil
		}
	}
	return func(r *avroReader) bool {
		b, ok := read(r)
		return ok && form(r, b)
	}, nil
}

// decimalAvro compiles a decimal of at most so many digits, whose bytes are read by read.
// It returns nil where its precision or scale is wrong.
func decimalAvro(read func(*avroReader) ([]byte, bool), digits int, schema map[string]any) avroType {
	precision, ok := wholeNumber(schema["precision"])
	scale, given := wholeNumber(schema["scale"])
	if _, there := schema["scale"]; !ok || precision == 0 || precision > digits || there && (!given || scale > precision) {
		return nil
	}
	return func(r *avroReader) bool {
		b, ok := read(r)
		return ok && r.decimal(b, scale)
	}
}

// wholeNumber returns v as an integer, if it is one that is not negative.
func wholeNumber(v any) (n int, ok bool) {
	f, ok := v.(float64)
	if !ok || f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return 0, false
	}
	return int(f), true
}
