package record

// Policy decides about records that cannot be imported, by its word in the
// configuration.
type Policy string

// The policies of BRIDGE_ON_INVALID, BRIDGE_ON_TOMBSTONE and BRIDGE_ON_REJECTED.
const (
	Hold       Policy = "hold" // the committed offset waits for it, the work goes on
	DeadLetter Policy = "dlq"
	Skip       Policy = "skip"
)
