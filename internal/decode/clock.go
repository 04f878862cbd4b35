package decode

import (
	"math/big"
	"strconv"
	"time"
)

// The days that RFC 3339 can name, from 0000-01-01 to 9999-12-31, counted from
// 1970-01-01.
const (
	firstDay     = -719528
	lastDay      = 2932896
	secondsOfDay = 24 * 60 * 60
)

// date appends the day, counted from 1970-01-01, as a string.
func (w *writer) date(day int64) bool {
	return w.moment(time.Unix(day*secondsOfDay, 0), 0, len("2006-01-02"), 0, "")
}

// timeOfDay appends a time of day as a string; it is the time since midnight, of which
// perSecond make a second: 1e3, 1e6 or 1e9.
func (w *writer) timeOfDay(count, perSecond int64, decimals int) bool {
	if count < 0 || count >= secondsOfDay*perSecond {
		return w.fail(faultTimeOfDay)
	}
	return w.moment(unixTime(count, perSecond), len("2006-01-02T"), len("2006-01-02T15:04:05"), decimals, "")
}

// timestamp appends a time as a string of RFC 3339. zone is what follows the time, "Z"
// or nothing.
func (w *writer) timestamp(t time.Time, decimals int, zone string) bool {
	return w.moment(t, 0, len("2006-01-02T15:04:05"), decimals, zone)
}

// unixTime returns the time that is count after 1970-01-01T00:00:00Z, where perSecond
// make a second.
func unixTime(count, perSecond int64) time.Time {
	return time.Unix(count/perSecond, count%perSecond*(1e9/perSecond))
}

// moment appends, as a string, the bytes from start to end of a time in the form
// 2006-01-02T15:04:05, then decimals of its second, then the zone.
func (w *writer) moment(t time.Time, start, end, decimals int, zone string) bool {
	if s := t.Unix(); s < firstDay*secondsOfDay || s >= (lastDay+1)*secondsOfDay {
		return w.fail(faultTimestamp)
	}
	if !w.room(len(`"2006-01-02T15:04:05.000000000Z"`)) {
		return false
	}
	from := len(w.out) + 1
	out := t.UTC().AppendFormat(append(w.out, '"'), time.RFC3339)
	out = append(out[:from], out[from+start:from+end]...)
	out = appendFraction(out, t.Nanosecond(), decimals)
	w.out = append(append(out, zone...), '"')
	return true
}

// appendFraction appends a point and as many decimals of a second, nothing for 0.
func appendFraction(out []byte, nanos, decimals int) []byte {
	if decimals == 0 {
		return out
	}
	digits := uint32(nanos)
	for range 9 - decimals {
		digits /= 10
	}
	out = append(out, ".000000000"[:1+decimals]...)
	for i := len(out) - 1; digits > 0; i-- {
		out[i] += byte(digits % 10)
		digits /= 10
	}
	return out
}

// maxDecimal is the largest decimal in bytes: the time that its digits take grows
// faster than its size.
const maxDecimal = 1024

// decimal appends a two's-complement number with its most significant byte first,
// scale of whose digits are decimals, as a string.
func (w *writer) decimal(number []byte, scale int) bool {
	if len(number) == 0 || len(number) > maxDecimal {
		return w.fail(faultDecimal)
	}
	var scratch [32]byte
	digits, negative := scratch[:0], number[0]&0x80 != 0
	if len(number) <= 8 {
		v := int64(int8(number[0]))
		for _, b := range number[1:] {
			v = v<<8 | int64(b)
		}
		u := uint64(v)
		if negative {
			u = -u
		}
		digits = strconv.AppendUint(digits, u, 10)
	} else {
		v := new(big.Int).SetBytes(number)
		if negative {
			v.Sub(new(big.Int).Lsh(big.NewInt(1), uint(8*len(number))), v)
		}
		digits = v.Append(digits, 10)
	}
	if !w.room(len(digits) + scale + len(`"-0."`)) {
		return false
	}
	w.out = append(w.out, '"')
	if negative {
		w.out = append(w.out, '-')
	}
	w.out = append(appendPoint(w.out, digits, scale), '"')
	return true
}

// appendPoint appends digits with a point before the last scale of them.
func appendPoint(out, digits []byte, scale int) []byte {
	whole := len(digits) - scale
	if scale == 0 {
		return append(out, digits...)
	}
	if whole > 0 {
		return append(append(append(out, digits[:whole]...), '.'), digits[whole:]...)
	}
	out = append(out, '0', '.')
	for range -whole {
		out = append(out, '0')
	}
	return append(out, digits...)
}
