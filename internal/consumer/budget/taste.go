package budget

import "time"

// Taste bounds what is read for nothing. When memory is full, everything in it
// is in trouble, and nothing has been stored since that began, nobody knows
// whether what follows could be stored: so the largest namespace gives way for
// a taste of it. Until something is stored, at most limit bytes are read in
// each interval; then reading is free again. The zero value is no use.
type Taste struct {
	limit    int64
	interval time.Duration

	on      bool
	left    int64 // of limit, in the present interval
	renewAt time.Time
}

// NewTaste returns a Taste of limit bytes per interval.
func NewTaste(limit int64, interval time.Duration) *Taste {
	return &Taste{limit: limit, interval: interval}
}

// Begin notes that a namespace gives way though nothing has been stored since
// its trouble began.
func (t *Taste) Begin(now time.Time) {
	if !t.on {
		t.on, t.left, t.renewAt = true, t.limit, now.Add(t.interval)
	}
}

// Allows reports whether more may be read.
func (t *Taste) Allows(now time.Time) bool {
	if t.on && !now.Before(t.renewAt) {
		t.left, t.renewAt = t.limit, now.Add(t.interval)
	}
	return !t.on || t.left > 0
}

// Read notes that n bytes of lines were read, whatever became of them.
func (t *Taste) Read(n int64) {
	if t.on {
		t.left -= n
	}
}

// Stored notes that something was stored: what follows is no taste any more.
func (t *Taste) Stored() { t.on = false }

// RenewAt returns when Allows may report true again, zero if it does now.
func (t *Taste) RenewAt() time.Time {
	if t.on && t.left <= 0 {
		return t.renewAt
	}
	return time.Time{}
}
