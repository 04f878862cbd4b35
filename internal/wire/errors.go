package wire

import (
	"errors"
	"fmt"
)

// What can be wrong with a batch. Each comes inside a BatchError, which says
// where; errors.Is finds it.
var (
	ErrLength   = errors.New("impossible batch length")
	ErrCRC      = errors.New("checksum mismatch")
	ErrCodec    = errors.New("unknown compression codec")
	ErrInflate  = errors.New("compressed records cannot be inflated")
	ErrRecord   = errors.New("malformed record")
	ErrCount    = errors.New("record count mismatch")
	ErrOrder    = errors.New("offsets out of order")
	ErrMarker   = errors.New("unreadable control record")
	ErrUnknownV = errors.New("unknown batch format")

	// ErrInflatesTooMuch is the answer to a batch that has no room in what Inflate
	// was given. Nothing is known to be wrong with it.
	ErrInflatesTooMuch = errors.New("batch inflates beyond the limit")

	// ErrPartial says that not even the first batch is whole. It is returned as
	// it is, not inside a BatchError.
	ErrPartial = errors.New("first batch is cut off")
)

// A BatchError is a batch that cannot be delivered.
type BatchError struct {
	Offset int64 // base offset of the batch, or the record's own where it is known
	Err    error // one of the sentinels above, or wraps one
}

func (e *BatchError) Error() string {
	return fmt.Sprintf("decode batch at offset %d: %v", e.Offset, e.Err)
}

// Unwrap returns what is wrong.
func (e *BatchError) Unwrap() error { return e.Err }
