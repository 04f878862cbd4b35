package kafka

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	kafkago "github.com/segmentio/kafka-go"
)

func TestCode_insideOfOtherErrors(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want Code
		ok   bool
	}{
		{fmt.Errorf("authenticate: %w", kafkago.SASLAuthenticationFailed), CodeAuthenticationFailed, true},
		{errUnknownBroker, CodeBrokerNotAvailable, true},
		{io.EOF, 0, false},
	} {
		var code Code
		if err := withCode(tc.err); errors.As(err, &code) != tc.ok || code != tc.want || !errors.Is(err, tc.err) || err.Error() != tc.err.Error() {
			t.Errorf("%v: code %d", err, code)
		}
	}
}

func TestCode_classes(t *testing.T) {
	for _, tc := range []struct {
		code                                   Code
		retriable, stale, gone, fenced, denied bool
	}{
		{CodeNotLeader, true, true, false, false, false},
		{CodeFencedLeaderEpoch, true, true, false, false, false},
		{CodeNotCoordinator, true, false, false, false, false},
		{CodeRebalanceInProgress, true, false, false, false, false},
		{CodeUnknownTopic, false, false, true, false, false},
		{CodeUnknownTopicID, false, false, true, false, false},
		{CodeIllegalGeneration, false, false, false, true, false},
		{CodeUnknownMember, false, false, false, true, false},
		{CodeGroupDenied, false, false, false, false, true},
		{CodeMetadataTooLarge, false, false, false, false, false},
		{CodeOffsetOutOfRange, false, false, false, false, false},
	} {
		c := tc.code
		if c.Retriable() != tc.retriable || c.StaleLeader() != tc.stale || c.TopicGone() != tc.gone || c.Fenced() != tc.fenced || c.Denied() != tc.denied {
			t.Errorf("%v is classified wrongly", c)
		}
		if c.Err() == nil || CodeOK.Err() != nil || !strings.Contains(c.Error(), fmt.Sprint(int16(c))) {
			t.Errorf("error %q", c.Err())
		}
	}
}
