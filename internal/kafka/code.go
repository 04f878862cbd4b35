package kafka

import (
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
)

// Code is an error code of the Kafka protocol. As an error it means that a
// broker has answered, and refused.
type Code int16

// The codes that the bridge knows.
const (
	CodeUnknown                Code = -1
	CodeOK                     Code = 0
	CodeOffsetOutOfRange       Code = 1
	CodeCorruptMessage         Code = 2
	CodeUnknownTopic           Code = 3 // or partition
	CodeLeaderNotAvailable     Code = 5
	CodeNotLeader              Code = 6
	CodeRequestTimedOut        Code = 7
	CodeBrokerNotAvailable     Code = 8
	CodeReplicaNotAvailable    Code = 9
	CodeMessageTooLarge        Code = 10
	CodeMetadataTooLarge       Code = 12 // of a commit
	CodeNetworkException       Code = 13
	CodeCoordinatorLoading     Code = 14
	CodeCoordinatorUnavailable Code = 15
	CodeNotCoordinator         Code = 16
	CodeIllegalGeneration      Code = 22
	CodeInconsistentProtocol   Code = 23 // of a group
	CodeUnknownMember          Code = 25
	CodeInvalidSessionTimeout  Code = 26
	CodeRebalanceInProgress    Code = 27
	CodeCommitTooLarge         Code = 28
	CodeTopicDenied            Code = 29
	CodeGroupDenied            Code = 30
	CodeClusterDenied          Code = 31
	CodeUnsupportedMechanism   Code = 33
	CodeIllegalSASLState       Code = 34
	CodeUnsupportedVersion     Code = 35
	CodeStorageError           Code = 56
	CodeAuthenticationFailed   Code = 58
	CodeUnknownGroup           Code = 69
	CodeFencedLeaderEpoch      Code = 74
	CodeUnknownLeaderEpoch     Code = 75
	CodeOffsetNotAvailable     Code = 78
	CodeMemberIDRequired       Code = 79
	CodeGroupFull              Code = 81 // it has group.max.size members
	CodeFencedInstance         Code = 82
	CodeUnknownTopicID         Code = 100
	CodeInconsistentTopicID    Code = 103
)

// Error names the code in the words of the protocol.
func (c Code) Error() string {
	if text := kafkago.Error(c).Title(); text != "" {
		return fmt.Sprintf("%s (code %d)", text, int16(c))
	}
	switch c {
	case CodeUnknownTopicID:
		return "Unknown Topic ID (code 100)"
	case CodeInconsistentTopicID:
		return "Inconsistent Topic ID (code 103)"
	}
	return fmt.Sprintf("Kafka error code %d", int16(c))
}

// Err returns the code as an error, nil for CodeOK.
func (c Code) Err() error {
	if c == CodeOK {
		return nil
	}
	return c
}

// Retriable reports whether the same call may succeed later, perhaps at another
// broker, without anybody's doing.
func (c Code) Retriable() bool {
	switch c {
	case CodeUnknown, CodeCorruptMessage, CodeRequestTimedOut, CodeNetworkException, CodeRebalanceInProgress,
		CodeOffsetNotAvailable:
		return true
	}
	return c.StaleLeader() || c.CoordinatorAway()
}

// StaleLeader reports whether the answer means that metadata must be asked for
// again.
func (c Code) StaleLeader() bool {
	switch c {
	case CodeLeaderNotAvailable, CodeNotLeader, CodeReplicaNotAvailable, CodeStorageError,
		CodeFencedLeaderEpoch, CodeUnknownLeaderEpoch:
		return true
	}
	return false
}

// TopicGone reports whether the topic was deleted, or deleted and created again.
func (c Code) TopicGone() bool {
	return c == CodeUnknownTopic || c == CodeUnknownTopicID || c == CodeInconsistentTopicID
}

// Fenced reports whether another member owns the group's partitions now.
func (c Code) Fenced() bool {
	return c == CodeIllegalGeneration || c == CodeUnknownMember || c == CodeFencedInstance
}

// CoordinatorAway reports whether the answer does not come from the group's
// coordinator, or from one that has not read the group yet.
func (c Code) CoordinatorAway() bool {
	switch c {
	case CodeBrokerNotAvailable, CodeCoordinatorLoading, CodeCoordinatorUnavailable, CodeNotCoordinator:
		return true
	}
	return false
}

// Denied reports whether the credentials are good but lack a permission.
func (c Code) Denied() bool {
	return c == CodeTopicDenied || c == CodeGroupDenied || c == CodeClusterDenied
}

// codedError is an error of kafka-go that is a broker's answer.
type codedError struct {
	error
	code Code
}

func (e codedError) Unwrap() []error { return []error{e.code, e.error} }

// withCode makes the Code inside an error of kafka-go visible to errors.As.
func withCode(err error) error {
	var answer kafkago.Error
	if errors.As(err, &answer) {
		return codedError{error: err, code: Code(answer)}
	}
	return err
}

// CodeOf returns the code inside an error that is a broker's answer, also where
// kafka-go has put it into an error of its own.
func CodeOf(err error) (code Code, ok bool) { return errors.AsType[Code](withCode(err)) }

// A TopicDeniedError says that this user may not do with a topic what the bridge has to.
// It is a CodeTopicDenied.
type TopicDeniedError struct {
	Topic string
	Write bool // or else read it
}

// Error implements error.
func (e *TopicDeniedError) Error() string { return "topic " + e.Topic + ": " + CodeTopicDenied.Error() }

// Unwrap implements the interface of package errors.
func (e *TopicDeniedError) Unwrap() error { return CodeTopicDenied }

// readError is what a broker says of a topic that is to be read.
func readError(topic string, code Code) error {
	if code == CodeTopicDenied {
		return &TopicDeniedError{Topic: topic}
	}
	return fmt.Errorf("topic %s: %w", topic, code)
}
