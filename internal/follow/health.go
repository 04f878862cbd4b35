package follow

import (
	"fmt"
	"net/http"
	"time"

	"kafka-import-bridge/internal/importer"
)

const (
	// A busy or absent API rests all questions, for longer each time in a row.
	minBackoff, maxBackoff = time.Second, 5 * time.Minute
	// An API that will not answer is asked again after this, doubled each time.
	minDeniedRest, maxDeniedRest = 10 * time.Minute, time.Hour
	// maxDenials is how many imports in a row have to be denied before that is
	// the API's answer to all.
	maxDenials = 3
)

// health judges the API itself by its answers. The zero value is well.
type health struct {
	restUntil time.Time // nothing is asked before
	trouble   string    // why there are no answers, for people; "" while there are
	denied    bool      // the trouble: it would not answer, where else it could not
	failures  int       // in a row: it could not answer
	denials   int       // in a row: it would not answer
	rests     int       // in a row for denials
	answered  time.Time // when it answered about an import last
}

// recovered notes an answer and reports whether it ends a trouble.
func (h *health) recovered(now time.Time) bool {
	was := h.trouble != ""
	*h = health{restUntil: h.restUntil, answered: now}
	return was
}

// failed notes a question without an answer, the HTTP status of which is 0 where
// there was none. It decides how long all questions rest, and reports whether the trouble
// is new. followed is the number of imports; rnd is in [0, 1).
func (h *health) failed(status int, retryAfter time.Duration, followed int, now time.Time, rnd float64) (isNew bool, rest time.Duration) {
	trouble, denied := "", false
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		// One namespace may be forbidden, one import deleted: only several in a
		// row, or all there are, say something of the key or the API, and only
		// while it answers about no other import.
		h.denials++
		answers := now.Sub(h.answered) < minDeniedRest && status != http.StatusMethodNotAllowed
		if status != http.StatusUnauthorized && (answers || h.denials < min(maxDenials, followed) && h.rests == 0) {
			return false, 0
		}
		trouble, denied = denial(status), true
		rest = min(minDeniedRest<<min(h.rests, 8), maxDeniedRest)
		h.rests++
	default:
		h.failures++
		rest = max(retryAfter, minBackoff+importer.Backoff(h.failures, minBackoff, maxBackoff, rnd))
		if trouble = "the API does not answer questions about imports"; status != 0 {
			trouble = fmt.Sprintf("the API answers questions about imports with status %d", status)
		}
	}
	isNew = h.trouble == "" || h.denied != denied
	h.trouble, h.denied, h.restUntil = trouble, denied, now.Add(rest)
	return isNew, rest
}

func denial(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("the API key may not read what became of imports (status %d)", status)
	}
	return fmt.Sprintf("the API does not know these imports, or not the call that tells of them (status %d)", status)
}
