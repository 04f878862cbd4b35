package budget

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

// ReceiptsCeiling returns the bytes from which on imports wait for receipts.
func (b *Budget) ReceiptsCeiling() int64 { return min(16<<20, b.limit/16) }

// Limit returns the bytes that all accounts may hold together.
func (b *Budget) Limit() int64 { return b.limit }

// Ceiling returns the most that an account may hold, in bytes.
func (b *Budget) Ceiling(a Account) int64 {
	switch a {
	case Letters:
		return min(16<<20, b.limit/16)
	default: // Marks
		return b.limit / 10
	}
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
