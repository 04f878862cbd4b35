package importer

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter caps what an answer may ask for: an absurd Retry-After must not
// silence a namespace for a day.
const maxRetryAfter = time.Hour

// Backoff returns the delay after the attempt-th consecutive failure (from 1):
// full jitter, that is rnd (in [0, 1)) of a ceiling which begins at min, doubles
// with each failure, and stops at max.
func Backoff(attempt int, min, max time.Duration, rnd float64) time.Duration {
	ceiling := min
	for n := 1; n < attempt && ceiling < max; n++ {
		if ceiling > max/2 {
			ceiling = max
			break
		}
		ceiling *= 2
	}
	if ceiling > max {
		ceiling = max
	}
	return time.Duration(rnd * float64(ceiling))
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

// parseRetryAfter reads Retry-After in both forms, seconds and HTTP date. A date
// is compared with the answer's own Date, or with now where that is missing.
// What is negative, past, or no number is 0: nothing was asked.
func parseRetryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if digits(value) {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter // the digits alone can only be too many
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(serverTime(h, now)), 0), maxRetryAfter)
}

// serverTime is the answer's Date, else now.
func serverTime(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

func digits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}
