package consumer

// String is the policy as it is written in the configuration.
func (p Policy) String() string {
	switch p {
	case DeadLetter:
		return "dlq"
	case Skip:
		return "skip"
	}
	return "hold"
}
