package decode

import (
	"encoding/binary"
	"math"
	"strconv"
)

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
	if !r.room(len(`"00000000-0000-0000-0000-000000000000"`)) {
		return false
	}
	r.out = append(appendUUID(append(r.out, '"'), b), '"')
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
	out = appendFraction(out, int(number(8)%1000*1e6), 3)
	r.out = append(out, `S"`...)
	return true
}
