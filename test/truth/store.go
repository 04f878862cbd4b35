package truth

import (
	"bytes"
	"hash/maphash"
	"time"
)

// Store tells that an object is complete. Call it before the bridge can know,
// and once per upload URL: the same bytes to the same URL are no repeat.
func (t *Truth) Store(namespace string, body []byte, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := bytes.SplitAfter(body, []byte("\n"))
	if last := lines[len(lines)-1]; len(last) == 0 {
		lines = lines[:len(lines)-1]
	} else {
		t.observed.add(Unexpected, "an object of %s does not end in a newline: %.200q", namespace, last)
	}
	if len(lines) == 0 {
		t.observed.add(Unexpected, "an empty object in %s", namespace)
	}
	if over(len(body), t.bounds.Bytes) || over(len(lines), t.bounds.Records) {
		t.observed.add(Oversize, "%d bytes, %d records in %s", len(body), len(lines), namespace)
	}
	for _, line := range lines {
		t.storeLine(namespace, bytes.TrimSuffix(line, []byte("\n")), at)
	}
}

func over(n, bound int) bool { return bound > 0 && n > bound }

func (t *Truth) storeLine(namespace string, line []byte, at time.Time) {
	t.stores++
	where, known := t.lines[lineKey{namespace, maphash.Bytes(t.seed, line)}]
	if !known {
		t.observed.add(Unexpected, "line in namespace %s: %.200q", namespace, line)
		return
	}
	e := &t.entries[where.id]
	if e.fate != Stored {
		t.observed.add(Unexpected, "%s/%d@%d is in namespace %s and should be %s", e.topic, e.index, e.offset, namespace, e.fate)
		return
	}
	s := &e.copies[where.copy]
	if s.first != 0 {
		t.repeat(e, s, namespace)
		s.last, s.at = t.stores, at
		return
	}
	s.first, s.last, s.at = t.stores, t.stores, at
	if e.storedEverywhere() {
		e.done = at
		t.missing--
	}
}

// repeat tells repeats that a crash explains from those that nothing does.
func (t *Truth) repeat(e *entry, s *storage, namespace string) {
	kind := Repeated
	if t.exposed(s.at) {
		kind = RepeatedAfterCrash
	}
	t.observed.add(kind, "%s/%d@%d in namespace %s", e.topic, e.index, e.offset, namespace)
}

// exposure is how long before a crash something may have been stored without its
// commit being acknowledged: a commit follows each stored batch, at most ten a
// second, and a busy machine delays it. lateness is how long after a crash the
// store may complete a body that it had already received.
const (
	exposure = 2 * time.Second
	lateness = time.Second
)

func (t *Truth) exposed(stored time.Time) bool {
	for _, crash := range t.crashes {
		if stored.After(crash.Add(-exposure)) && stored.Before(crash.Add(lateness)) {
			return true
		}
	}
	return false
}
