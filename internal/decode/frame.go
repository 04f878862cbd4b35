package decode

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"

	"kafka-import-bridge/internal/record"
)

// Header is the name of the record header in which Confluent's serializers put a
// schema's GUID, if they do not put its id before the value.
const Header = "__value_schema_id"

// The first bytes of the forms that name a schema.
const (
	magicID   = 0 // a number of 4 bytes follows
	magicGUID = 1 // 16 bytes follow
)

// Ref names a schema of the registry, by id or by GUID. Refs are comparable.
type Ref struct {
	id     uint32
	guid   [16]byte
	byGUID bool
}

// String returns the id, or the GUID in the form of RFC 9562.
func (r Ref) String() string {
	if !r.byGUID {
		return strconv.FormatUint(uint64(r.id), 10)
	}
	return string(appendUUID(nil, r.guid[:]))
}

// appendUUID appends 16 bytes in the form of RFC 9562.
func appendUUID(out, b []byte) []byte {
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, part)
	}
	return out
}

// path returns the path of the schema in the registry.
func (r Ref) path() string {
	if r.byGUID {
		return "/schemas/guids/" + r.String()
	}
	return "/schemas/ids/" + r.String()
}

// frame is a value in Confluent's wire format
// (https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format).
type frame struct {
	ref  Ref
	body []byte // behind what names the schema
	// inHeader says that a header names the schema. The message indexes of
	// Protobuf follow it there, in named; else they come first in the body.
	inHeader bool
	named    []byte
}

// parseFrame finds what names the schema of a value.
func parseFrame(value []byte, headers record.Headers) (f frame, fault fault) {
	if headers != nil {
		if name, ok := headers.Header(Header); ok {
			f.ref, f.named, fault = parseRef(name, true)
			f.inHeader, f.body = true, value
			return f, fault
		}
	}
	f.ref, f.body, fault = parseRef(value, false)
	return f, fault
}

func parseRef(b []byte, guids bool) (r Ref, rest []byte, fault fault) {
	switch {
	case len(b) >= 5 && b[0] == magicID && b[1] < 0x80: // ids are signed, and positive
		return Ref{id: binary.BigEndian.Uint32(b[1:])}, b[5:], faultNone
	case guids && len(b) >= 17 && b[0] == magicGUID:
		r.byGUID = true
		copy(r.guid[:], b[1:])
		return r, b[17:], faultNone
	case guids:
		return r, nil, faultHeader
	default:
		return r, nil, faultMagic
	}
}

// maxIndexes is how many levels of nested messages a record may name.
const maxIndexes = 100

// messageIndexes reads the indexes of a Protobuf message type; none stand for the
// first one.
func messageIndexes(b []byte) (indexes []int, rest []byte, fault fault) {
	count, n := binary.Varint(b)
	if n <= 0 || count < 0 || count > maxIndexes {
		return nil, nil, faultIndexes
	}
	b = b[n:]
	if count == 0 {
		return firstMessage, b, faultNone
	}
	for range count {
		index, n := binary.Varint(b)
		if n <= 0 || index < 0 || index > 1<<20 {
			return nil, nil, faultIndexes
		}
		indexes, b = append(indexes, int(index)), b[n:]
	}
	return indexes, b, faultNone
}

var firstMessage = []int{0}
