package batcher

// Reason says why a batch was sealed. The zero value belongs to batches that
// are open, or were dropped.
type Reason uint8

// The closed set of reasons, in the order of Reasons.
const (
	ReasonBytes     Reason = iota + 1 // the next line would have passed MaxBytes, or none fits any more
	ReasonRecords                     // MaxRecords was reached
	ReasonAge                         // MaxAge had passed since the first record
	ReasonMemory                      // the process ran short of its memory budget
	ReasonRebalance                   // the partitions were about to change hands
	ReasonShutdown                    // the process was about to stop
)

var reasonNames = [...]string{"none", "bytes", "records", "age", "memory", "rebalance", "shutdown"}

// String returns the value of the metric label, "none" for the zero value.
func (r Reason) String() string { return reasonNames[r] }

// Reasons returns every reason a batch may be sealed for, so that metrics can
// export each at zero.
func Reasons() []Reason {
	return []Reason{ReasonBytes, ReasonRecords, ReasonAge, ReasonMemory, ReasonRebalance, ReasonShutdown}
}
