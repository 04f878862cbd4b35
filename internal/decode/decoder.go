package decode

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"kafka-import-bridge/internal/record"
)

// ErrRoom is returned when the JSON does not fit into the given memory.
var ErrRoom = errors.New("the JSON does not fit")

// Invalid is the error for a value that cannot become JSON.
type Invalid struct{ Rejection *record.Rejection }

func (e *Invalid) Error() string { return e.Rejection.Detail }

// Decoder turns values into JSON for one goroutine.
type Decoder struct {
	schemas *Schemas
	last    *entry // of the last value
	avro    avroReader
	proto   protoReader
	invalid *Invalid // the last one, nil before the first
}

// Decoder makes a decoder for one goroutine.
func (s *Schemas) Decoder() *Decoder { return &Decoder{schemas: s} }

// Decode returns a value as JSON; nil is a value that its schema makes null. The
// JSON is appended to dst, which does not grow beyond its capacity, and out is dst
// with it; or, where the value holds JSON itself, it is a part of value. recorded is
// the record's timestamp.
//
// The error is ErrRoom, *Invalid, or *Waiting, which neither the value nor the room
// is to blame for.
func (d *Decoder) Decode(dst, value []byte, headers record.Headers, recorded time.Time) (json, out []byte, err error) {
	f, flt := parseFrame(value, headers)
	if flt != faultNone {
		d.last = nil
		return nil, dst, d.reject(nil, string(flt))
	}
	if err := d.find(f.ref, recorded); err != nil {
		return nil, dst, err
	}
	s := d.last.schema.Load()
	if s.fault != nil {
		return nil, dst, d.reject(d.last, "it cannot be used: "+s.fault.Error())
	}
	if s.kind == typeJSON {
		return f.body, dst, nil
	}
	out, flt = d.append(dst, s, &f)
	switch {
	case flt == faultShort:
		return nil, dst, ErrRoom
	case flt != faultNone:
		return nil, dst, d.reject(d.last, "the value does not fit it: "+string(flt))
	}
	if json = out[len(dst):]; bytes.Equal(json, []byte("null")) {
		return nil, dst, nil
	}
	return json, out, nil
}

// Schema names the schema of the last value, "" if that named none that is known.
func (d *Decoder) Schema() string {
	if d.last == nil {
		return ""
	}
	return d.last.describe()
}

// find makes the entry of a schema the last one, unless it is already.
func (d *Decoder) find(ref Ref, recorded time.Time) error {
	if d.last != nil && d.last.ref == ref {
		return nil
	}
	e, err := d.schemas.find(ref, recorded, time.Now())
	d.last = e
	if _, waits := errors.AsType[*Waiting](err); waits || err == nil {
		return err
	}
	return d.reject(&entry{ref: ref}, err.Error())
}

// append reads the body by its schema.
func (d *Decoder) append(dst []byte, s *schema, f *frame) ([]byte, fault) {
	if s.kind == typeAvro {
		r := &d.avro
		*r = avroReader{writer: writer{out: dst}, in: f.body}
		if s.avro(r) && len(r.in) > 0 {
			r.fault = faultRest
		}
		out, flt := r.out, r.fault
		*r = avroReader{} // it keeps no memory of others alive
		return out, flt
	}
	named := &f.body
	if f.inHeader {
		named = &f.named
	}
	indexes, rest, flt := messageIndexes(*named)
	if flt != faultNone {
		return dst, flt
	}
	*named = rest
	m := s.proto.message(indexes)
	if m == nil {
		return dst, faultMessage
	}
	r := &d.proto
	*r = protoReader{writer: writer{out: dst}, file: s.proto, sorted: r.sorted[:0]}
	r.message(m, f.body)
	out, flt := r.out, r.fault
	if *r = (protoReader{sorted: r.sorted}); cap(r.sorted) > keptOccurrences {
		r.sorted = nil
	}
	return out, flt
}

// reject makes the rejection of a value, of which e is the schema. It keeps the last
// one, since bad records come in floods of one kind.
func (d *Decoder) reject(e *entry, detail string) error {
	if e != nil {
		detail = fmt.Sprintf("schema %s: %s", e.describe(), detail)
	}
	if d.invalid == nil || d.invalid.Rejection.Detail != detail {
		d.invalid = &Invalid{&record.Rejection{Reason: record.NotDecodable, Detail: detail}}
	}
	return d.invalid
}
