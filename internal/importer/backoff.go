package importer

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter caps what an answer may ask for: an absurd Retry-After must not
// silence a namespace for a day.
const maxRetryAfter = time.Hour

// Backoff returns the delay after the attempt-th consecutive failure (from 1):
// full jitter, that is rnd (in [0, 1)) of a ceiling which begins at least, doubles
// with each failure, and stops at most.
func Backoff(attempt int, least, most time.Duration, rnd float64) time.Duration {
	ceiling := min(math.Ldexp(float64(least), max(attempt, 1)-1), float64(most))
	return time.Duration(rnd * ceiling)
}

// delay is the wait before the next attempt. Those who were asked to stay away
// for the same time must not come back in the same instant, so a little jitter
// lies above Retry-After, too.
func (c *Client) delay(failures int, retryAfter time.Duration) time.Duration {
	d := Backoff(failures, c.cfg.MinBackoff, c.cfg.MaxBackoff, c.cfg.Rand())
	if d < retryAfter {
		d = retryAfter + Backoff(1, c.cfg.MinBackoff, c.cfg.MaxBackoff, c.cfg.Rand())
	}
	return d
}

// parseRetryAfter reads what an answer asks for: Retry-After-Ms, which is the
// API's own and goes first, or Retry-After as seconds or HTTP date; numbers may
// have fractions. A date is compared with the answer's own Date, or with now
// where that is missing. What is negative, past, or no number is 0: nothing was
// asked.
func parseRetryAfter(h header, now time.Time) time.Duration {
	if ms, ok := parseNumber(h.Get("Retry-After-Ms")); ok {
		return capped(ms, time.Millisecond)
	}
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, ok := parseNumber(value); ok {
		return capped(seconds, time.Second)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(serverTime(h, now)), 0), maxRetryAfter)
}

// capped returns n units as a duration, at most maxRetryAfter.
func capped(n float64, unit time.Duration) time.Duration {
	return time.Duration(min(n*float64(unit), float64(maxRetryAfter)))
}

// parseNumber reads digits with perhaps a point among them, and nothing else.
func parseNumber(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil || errors.Is(err, strconv.ErrRange) // too many digits are infinity
}

// serverTime is the answer's Date, else now.
func serverTime(h header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}
