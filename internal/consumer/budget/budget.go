package budget

import (
	"cmp"
	"slices"
	"time"
)

// Account names what holds memory beside reading and batches, whose owners
// count their own bytes.
type Account uint8

// The accounts.
const (
	Letters Account = iota // dead letters that are not acknowledged
	Marks                  // where the lines begin that have left memory
	accounts
)

// Sources count the memory that has other owners, in bytes.
type Sources struct {
	// Reading returns what reading uses or waits for, its reserve included.
	Reading func() int64
	// Batches returns what open and sealed batches hold, with their
	// bookkeeping.
	Batches func() int64
	// Receipts returns what waits for the acknowledgement of receipts; nil is
	// nothing.
	Receipts func() int64
}

// Budget is the one owner of record memory. Not safe for concurrent use.
type Budget struct {
	limit   int64
	sources Sources
	held    [accounts]int64
}

// New returns a budget of limit bytes.
func New(limit int64, s Sources) *Budget {
	if s.Receipts == nil {
		s.Receipts = func() int64 { return 0 }
	}
	return &Budget{limit: limit, sources: s}
}

// ReceiptsCeiling returns the bytes from which on imports wait for receipts: as many as
// dead letters may hold, which wait for a topic too.
func (b *Budget) ReceiptsCeiling() int64 { return b.Ceiling(Letters) }

// Limit returns the bytes that all accounts may hold together.
func (b *Budget) Limit() int64 { return b.limit }

// Ceiling returns the most that an account may hold, in bytes.
func (b *Budget) Ceiling(a Account) int64 {
	if a == Marks {
		return b.limit / 10
	}
	return min(16<<20, b.limit/16)
}

// Charge adds n bytes to an account, or takes them away if n is negative.
func (b *Budget) Charge(a Account, n int64) {
	if b.held[a] += n; b.held[a] < 0 {
		panic("budget: more is given back than was taken")
	}
}

// Held returns the bytes of an account.
func (b *Budget) Held(a Account) int64 { return b.held[a] }

// Fits reports whether an account may take n more bytes. One that holds nothing
// may take whatever is free: a single piece is then larger than the ceiling.
func (b *Budget) Fits(a Account, n int64) bool {
	if b.held[a] == 0 {
		return n <= max(b.Ceiling(a), b.Free())
	}
	return b.held[a]+n <= b.Ceiling(a)
}

// Share returns the bytes that batches may hold in all.
func (b *Budget) Share() int64 {
	share := b.limit - b.sources.Reading() - b.sources.Receipts()
	for _, n := range b.held {
		share -= n
	}
	return share
}

// Free returns the bytes that batches may take more. It is negative while
// reading waits for memory that batches still hold.
func (b *Budget) Free() int64 { return b.Share() - b.sources.Batches() }

// Reset empties the accounts of the generation that ends.
func (b *Budget) Reset() { b.held = [accounts]int64{} }

// Holder is a namespace in trouble that could give its memory to others.
type Holder[N any] struct {
	Namespace N
	Bytes     int64 // what would be free
	// Evidence says that something was stored since its trouble began: others
	// do succeed.
	Evidence bool
}

// Victims returns the holders that give way so that need bytes become free,
// largest first, at most most of them. Those with evidence come first. Those
// without give way one at a time and only where taste says so, as each of them
// may turn out to be read twice for nothing. The order of holders changes.
func Victims[N any](holders []Holder[N], need int64, most int, taste bool) []Holder[N] {
	slices.SortFunc(holders, func(a, b Holder[N]) int {
		return cmp.Or(order(a)-order(b), cmp.Compare(b.Bytes, a.Bytes))
	})
	n := 0
	for n < len(holders) && n < most && need > 0 {
		h := holders[n]
		if h.Bytes <= 0 || !h.Evidence && (n > 0 || !taste) {
			break
		}
		need -= h.Bytes
		n++
	}
	return holders[:n]
}

func order[N any](h Holder[N]) int {
	if h.Evidence {
		return 0
	}
	return 1
}

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

// Read notes that n bytes of lines were read, whatever became of them. It says nothing
// while reading is free.
func (t *Taste) Read(n int64) { t.left -= n }

// Stored notes that something was stored: what follows is no taste any more.
func (t *Taste) Stored() { t.on = false }

// RenewAt returns when Allows may report true again, zero if it does now.
func (t *Taste) RenewAt() time.Time {
	if t.on && t.left <= 0 {
		return t.renewAt
	}
	return time.Time{}
}
