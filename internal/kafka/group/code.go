package group

import "fmt"

// Code is an error code of the Kafka protocol. (Moves to package kafka.)
type Code int16

const (
	CodeOK                     Code = 0
	CodeCoordinatorLoading     Code = 14
	CodeCoordinatorUnavailable Code = 15
	CodeNotCoordinator         Code = 16
	CodeIllegalGeneration      Code = 22
	CodeUnknownMember          Code = 25
	CodeRebalanceInProgress    Code = 27
	CodeMemberIDRequired       Code = 79
	CodeFencedInstance         Code = 82
)

func (c Code) Error() string { return fmt.Sprintf("Kafka error code %d", int16(c)) }
func (c Code) Err() error {
	if c == 0 {
		return nil
	}
	return c
}
