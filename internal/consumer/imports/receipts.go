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
func (s *filing) file(u *Upload, requestID string, now time.Time) *receipt.Receipt {
	r := &receipt.Receipt{
		RequestID: requestID, Namespace: u.Namespace.Name, Records: u.Batch.Records, Bytes: u.Batch.Bytes,
		StoredAt: now, Attempts: u.Import.Attempts(),
	}
	if s.Receipts == nil {
		s.settle(u)
		return r
	}
	r.Settings = s.Config.Record.Fingerprint()
	f := &filed{}
	for _, pc := range u.Pieces {
		if pc.takenBack() {
			continue // the offsets are those of other records now
		}
		pc.Partition.Ledger.Become(pc.Node, ledger.Receipt)
		f.pieces = append(f.pieces, pc)
		r.Pieces = append(r.Pieces, receipt.Piece{
			Topic: pc.Partition.Topic, TopicID: pc.Partition.TopicID.String(), Partition: pc.Partition.Partition,
			First: pc.Node.First, Last: pc.Node.Last, Records: pc.lines,
		})
	}
	value, err := r.Encode()
	if err != nil {
		s.Log.Error("receipt cannot be written", "request_id", requestID, "error", err)
	}
	if err != nil || len(r.Pieces) == 0 {
		s.settle(u)
		return r
	}
	s.remove(u)
	s.receipt.open[f] = struct{}{}
	s.receipt.last = now
	s.Receipts.Post(r.Key(), value, int64(len(f.pieces))*PieceBytes, func() {
		select {
		case s.Filed <- f:
		case <-s.Ctx.Done():
		}
	})
	return r
}

// Receipted settles an import whose receipt is acknowledged.
func (s *filing) Receipted(f *filed) {
	if _, open := s.receipt.open[f]; !open {
		return // settled by a drain
	}
	delete(s.receipt.open, f)
	s.settlePieces(f.pieces)
}

// receiptsFull reports whether imports have to wait until more receipts are
// acknowledged. A drain stores what is open all the same.
func (s *filing) receiptsFull() bool {
	return s.Receipts != nil && s.Mode == assignment.Running && s.Receipts.Bytes() >= s.Budget.ReceiptsCeiling()
}

// FileLater lets a drain go on without the receipts that cannot be written now:
// what is stored is not to be repeated for want of them.
func (s *filing) FileLater(now time.Time) {
	if len(s.receipt.open) == 0 || s.Mode != assignment.Draining {
		return
	}
	patient := now.Add(-receiptPatience)
	if s.Receipts.Failing() || s.receipt.last.Compare(patient) <= 0 && s.Drain.Began.Compare(patient) <= 0 {
		s.SettleFiled()
	}
}

// SettleFiled settles every import whose receipt is not acknowledged.
func (s *filing) SettleFiled() {
	for f := range s.receipt.open {
		s.Receipted(f)
	}
}

// AwaitsReceipts reports whether a stored import's receipt is not acknowledged.
func (s *filing) AwaitsReceipts() bool { return len(s.receipt.open) > 0 }
