package wire

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// A UUID names a topic for as long as it exists: a topic that is deleted and
// created again has another one (KIP-516). The zero value means unknown.
type UUID [16]byte

// String returns the id as Kafka's own tools print it, "" if it is unknown.
func (id UUID) String() string {
	if id == (UUID{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// Differs reports whether two ids are those of different topics. An id that is unknown
// says nothing: brokers have ids since Kafka 2.8, and while a cluster is upgraded some of
// them answer without.
func (id UUID) Differs(other UUID) bool {
	return id != other && id != (UUID{}) && other != (UUID{})
}

// cursor reads the fields of messages and of records. The first field that does not
// fit makes it bad for good; what is read from then on means nothing, so callers check
// once.
type cursor struct {
	b   []byte // what is left
	bad bool
	cut bool // b is only the beginning
}

// err returns an error if the cursor, which has read body, is bad. what names the body,
// for example as a fetch response.
func (c *cursor) err(what string, body []byte) error {
	if c.bad {
		return fmt.Errorf("decode %s: malformed after %d bytes", what, len(body)-len(c.b))
	}
	return nil
}

// take returns the next n bytes, aliasing the input.
func (c *cursor) take(n int) []byte {
	if c.bad || n < 0 || n > len(c.b) {
		c.bad = true
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) int8() int8 {
	if b := c.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (c *cursor) int16() int16 {
	if b := c.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) int32() int32 {
	if b := c.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) int64() int64 {
	if b := c.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (c *cursor) uuid() (id UUID) {
	copy(id[:], c.take(16))
	return id
}

// uvarint reads an unsigned 32-bit varint.
func (c *cursor) uvarint() int {
	if c.bad {
		return 0
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 || v > 1<<31-1 {
		c.bad = true
		return 0
	}
	c.b = c.b[n:]
	return int(v)
}

// varint reads a signed varint, as records have them.
func (c *cursor) varint() int64 {
	if len(c.b) > 0 && c.b[0] < 0x80 { // one byte: most lengths and deltas
		v := int64(c.b[0]>>1) ^ -int64(c.b[0]&1)
		c.b = c.b[1:]
		return v
	}
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.bad = true
		return 0
	}
	c.b = c.b[n:]
	return v
}

// sized reads a byte sequence with a varint length: nil if the length is -1.
func (c *cursor) sized() []byte {
	n := c.varint()
	if n == -1 {
		return nil
	}
	return c.take(int(n))
}

// nullable reads a byte sequence with a 32-bit length: nil if the length is -1.
func (c *cursor) nullable() []byte {
	if n := c.int32(); n != -1 {
		return c.take(int(n))
	}
	return nil
}

// arrayLen reads the length of an array; null counts as empty. It is only ever
// a loop bound: every element takes at least a byte, so that a lie ends with
// the input.
func (c *cursor) arrayLen(flexible bool) int {
	if flexible {
		return max(c.uvarint()-1, 0)
	}
	return max(int(c.int32()), 0)
}

// bytes16 reads a string's bytes; null counts as empty.
func (c *cursor) bytes16(flexible bool) []byte {
	if flexible {
		return c.bytes32(true)
	}
	return c.take(max(int(c.int16()), 0))
}

// string reads a string; null counts as empty.
func (c *cursor) string(flexible bool) string { return string(c.bytes16(flexible)) }

// bytes32 reads a byte sequence with a 32-bit length; null counts as empty.
func (c *cursor) bytes32(flexible bool) []byte {
	return c.take(c.arrayLen(flexible))
}

// skipInt32s passes over an array of 32-bit numbers.
func (c *cursor) skipInt32s(flexible bool) { c.take(4 * c.arrayLen(flexible)) }

// tagCount reads how many tagged fields follow; tag reads one of them.
func (c *cursor) tagCount(flexible bool) int {
	if !flexible {
		return 0
	}
	return c.uvarint()
}

func (c *cursor) tag() (tag int, value cursor) {
	tag = c.uvarint()
	return tag, cursor{b: c.take(c.uvarint()), bad: c.bad}
}

// skipTags passes the tagged fields.
func (c *cursor) skipTags(flexible bool) {
	for n := c.tagCount(flexible); n > 0 && !c.bad; n-- {
		c.tag()
	}
}

func appendInt16(dst []byte, v int16) []byte { return binary.BigEndian.AppendUint16(dst, uint16(v)) }
func appendInt32(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) }
func appendInt64(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// appendArrayLen writes the length of an array, -1 for null.
func appendArrayLen(dst []byte, n int, flexible bool) []byte {
	if flexible {
		return binary.AppendUvarint(dst, uint64(n+1))
	}
	return appendInt32(dst, int32(n))
}

// appendString writes the form with a 16-bit length, which request headers use
// in every version.
func appendString(dst []byte, s string) []byte {
	return append(appendInt16(dst, int16(len(s))), s...)
}

func appendStringAs(dst []byte, s string, flexible bool) []byte {
	if flexible {
		return append(binary.AppendUvarint(dst, uint64(len(s))+1), s...)
	}
	return appendString(dst, s)
}

// runs splits a list into runs of consecutive elements of one topic.
func runs[T any](all []T, topic func(T) string) (out [][]T) {
	for begin, i := 0, 1; i <= len(all); i++ {
		if i == len(all) || topic(all[i]) != topic(all[begin]) {
			out, begin = append(out, all[begin:i]), i
		}
	}
	return out
}

func appendTags(dst []byte, flexible bool) []byte {
	if flexible {
		return append(dst, 0)
	}
	return dst
}
