package follow

import (
	"time"

	"kafka-import-bridge/internal/receipt"
)

// maxKept bounds the receipts that are kept until their imports end, in bytes. The
// receipts of further imports are not written again.
const maxKept = 16 << 20

// cost returns the approximate memory of a receipt, in bytes.
func cost(r *receipt.Receipt) int64 { return 256 + 128*int64(len(r.Pieces)) }

// keep remembers the receipt of an import that is to be followed, if it was written and
// fits.
func (f *Follower) keep(e *Import, r *receipt.Receipt) {
	if len(r.Pieces) > 0 && f.receipts != nil && f.kept+cost(r) <= maxKept {
		e.receipt = r
		f.kept += cost(r)
	}
}

// drop forgets the receipt of an import that is followed no further.
func (f *Follower) drop(e *Import) {
	if e.receipt != nil {
		f.kept -= cost(e.receipt)
		e.receipt = nil
	}
}

// file writes the receipt of an import again, with its end.
func (f *Follower) file(e *Import, status string, count *int64, now time.Time) {
	if e.receipt == nil {
		return
	}
	ended := *e.receipt
	ended.Status, ended.FinishedAt, ended.DataCount = status, now, count
	if value, err := ended.Encode(); err == nil { // as the first time
		f.receipts.Post(ended.Key(), value, 0, nil)
	}
}
