package kafka

import "fmt"

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
