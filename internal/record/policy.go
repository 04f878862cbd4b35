package record

// Policy decides about records that cannot be imported.
type Policy uint8

// The policies of BRIDGE_ON_INVALID, BRIDGE_ON_TOMBSTONE and BRIDGE_ON_REJECTED.
const (
	Hold Policy = iota // the committed offset waits for it, the work goes on
	DeadLetter
	Skip
)

// String returns the policy as it is written in the configuration.
func (p Policy) String() string {
	switch p {
	case DeadLetter:
		return "dlq"
	case Skip:
		return "skip"
	}
	return "hold"
}
