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
	if day < firstDay || day > lastDay {
		return w.fail(faultTimestamp)
	}
	if !w.room(len(`"2006-01-02"`)) {
		return false
	}
	w.out = append(appendDay(append(w.out, '"'), day), '"')
	return true
}

// timestamp appends a time as a string of RFC 3339. count is the time since
// 1970-01-01T00:00:00Z, of which perSecond make a second: 1e3, 1e6 or 1e9. zone is
// what follows the time, "Z" or nothing.
func (w *writer) timestamp(count, perSecond int64, zone string) bool {
	seconds, fraction := floorDiv(count, perSecond)
	day, second := floorDiv(seconds, secondsOfDay)
	if day < firstDay || day > lastDay {
		return w.fail(faultTimestamp)
	}
	if !w.room(len(`"2006-01-02T15:04:05.000000000Z"`)) {
		return false
	}
	out := append(appendDay(append(w.out, '"'), day), 'T')
	w.out = append(append(appendTimeOfDay(out, second, fraction, perSecond), zone...), '"')
	return true
}

// timeOfDay appends a time of day as a string; perSecond is as for timestamp.
func (w *writer) timeOfDay(count, perSecond int64) bool {
	if count < 0 || count >= secondsOfDay*perSecond {
		return w.fail(faultTimeOfDay)
	}
	if !w.room(len(`"15:04:05.000000000"`)) {
		return false
	}
	w.out = append(appendTimeOfDay(append(w.out, '"'), count/perSecond, count%perSecond, perSecond), '"')
	return true
}

func floorDiv(a, b int64) (quotient, rest int64) {
	quotient, rest = a/b, a%b
	if rest < 0 {
		quotient, rest = quotient-1, rest+b
	}
	return quotient, rest
}

func appendDay(out []byte, day int64) []byte {
	year, month, dayOfMonth := time.Unix(day*secondsOfDay, 0).UTC().Date()
	out = appendDigits(out, int64(year), 4)
	out = appendDigits(append(out, '-'), int64(month), 2)
	return appendDigits(append(out, '-'), int64(dayOfMonth), 2)
}

// appendTimeOfDay appends as many decimals as a second has parts.
func appendTimeOfDay(out []byte, second, fraction, perSecond int64) []byte {
	out = appendDigits(out, second/3600, 2)
	out = appendDigits(append(out, ':'), second/60%60, 2)
	out = appendDigits(append(out, ':'), second%60, 2)
	decimals := 0
	for n := perSecond; n > 1; n /= 10 {
		decimals++
	}
	if decimals == 0 {
		return out
	}
	return appendDigits(append(out, '.'), fraction, decimals)
}

// appendDigits appends v, which is not negative, with at least n digits.
func appendDigits(out []byte, v int64, n int) []byte {
	from := len(out)
	for range n {
		out = append(out, '0')
	}
	for i := len(out) - 1; i >= from; i-- {
		out[i] = byte('0' + v%10)
		v /= 10
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
