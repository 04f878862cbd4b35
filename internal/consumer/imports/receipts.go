package imports

import (
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/receipt"
)

// filed is a stored import whose receipt is not acknowledged.
type filed struct{ pieces []piece }

// receiptPatience is how long a drain waits for a receipt that no try has failed
// for. Its offsets are committed then; the receipt is written later.
const receiptPatience = 5 * time.Second

// ReceiptPoll is how often a drain looks whether receipts can be written.
const ReceiptPoll = 100 * time.Millisecond

// receiptState is what the loop knows of receipts.
type receiptState struct {
	open map[*filed]struct{} // not acknowledged
	last time.Time           // when the last one was posted
}

// file ends an upload that is stored: its memory is free, and its nodes settle
// once its receipt is acknowledged, so that a crash leaves no stored record
// without one. Where receipts are not wanted they settle at once, and the receipt has
// no pieces.
func (f *Filing) file(u *Upload, requestID string, now time.Time) *receipt.Receipt {
	r := &receipt.Receipt{
		RequestID: requestID, Namespace: u.Namespace.Name, Records: u.Batch.Records, Bytes: u.Batch.Bytes,
		StoredAt: now, Attempts: u.Import.Attempts(),
	}
	if f.Receipts == nil {
		f.lines.settle(u)
		return r
	}
	r.Settings = f.Config.Record.Fingerprint()
	stored := &filed{}
	for _, pc := range u.Pieces {
		if pc.takenBack() {
			continue // the offsets are those of other records now
		}
		pc.Partition.Ledger.Become(pc.Node, ledger.Receipt)
		stored.pieces = append(stored.pieces, pc)
		r.Pieces = append(r.Pieces, receipt.Piece{
			Topic: pc.Partition.Topic, TopicID: pc.Partition.TopicID.String(), Partition: pc.Partition.Partition,
			First: pc.Node.First, Last: pc.Node.Last, Records: pc.lines,
		})
	}
	value, err := r.Encode()
	if err != nil {
		f.Log.Error("receipt cannot be written", "request_id", requestID, "error", err)
	}
	if err != nil || len(r.Pieces) == 0 {
		f.lines.settle(u)
		return r
	}
	f.lines.remove(u)
	f.receipt.open[stored] = struct{}{}
	f.receipt.last = now
	f.Receipts.Post(r.Key(), value, int64(len(stored.pieces))*PieceBytes, func() {
		select {
		case f.Filed <- stored:
		case <-f.Ctx.Done():
		}
	})
	return r
}

// Receipted settles an import whose receipt is acknowledged.
func (f *Filing) Receipted(stored *filed) {
	if _, open := f.receipt.open[stored]; !open {
		return // settled by a drain
	}
	delete(f.receipt.open, stored)
	f.lines.settlePieces(stored.pieces)
}

// receiptsFull reports whether imports have to wait until more receipts are
// acknowledged. A drain stores what is open all the same.
func (f *Filing) receiptsFull() bool {
	return f.Receipts != nil && f.Mode == assignment.Running && f.Receipts.Bytes() >= f.Budget.ReceiptsCeiling()
}

// FileLater lets a drain go on without the receipts that cannot be written now:
// what is stored is not to be repeated for want of them.
func (f *Filing) FileLater(now time.Time) {
	if len(f.receipt.open) == 0 || f.Mode != assignment.Draining {
		return
	}
	patient := now.Add(-receiptPatience)
	if f.Receipts.Failing() || f.receipt.last.Compare(patient) <= 0 && f.Drain.Began.Compare(patient) <= 0 {
		f.SettleAll()
	}
}

// SettleAll settles every import whose receipt is not acknowledged.
func (f *Filing) SettleAll() {
	for stored := range f.receipt.open {
		f.Receipted(stored)
	}
}

// Pending reports whether a stored import's receipt is not acknowledged.
func (f *Filing) Pending() bool { return len(f.receipt.open) > 0 }
