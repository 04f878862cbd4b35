package consumer

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
)

// letterTopic writes dead letters to a topic with acks=all. The library's
// producer has no idempotence: after a lost answer a letter may stand twice.
type letterTopic struct {
	usual *kafka.Writer
	large *kafka.Writer // one at a time, for letters beyond what usual batches
}

// usualBatchBytes stays below the default max.message.bytes of a topic, which
// bounds whole batches.
const usualBatchBytes = 900 << 10

// NewLetterTopic returns the writer of the dead-letter topic. It shares the
// client's connections.
func NewLetterTopic(c *Client, topic string) *letterTopic {
	transport, addr := c.RoundTripper()
	writer := func(batchBytes int64, size int) *kafka.Writer {
		return &kafka.Writer{
			Addr: addr, Transport: transport, Topic: topic,
			Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll,
			BatchBytes: batchBytes, BatchSize: size, BatchTimeout: 5 * time.Millisecond,
			MaxAttempts: 3, WriteTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		}
	}
	return &letterTopic{usual: writer(usualBatchBytes, letterBatch), large: writer(1<<30, 1)}
}

// Write implements letterWriter.
func (t *letterTopic) Write(ctx context.Context, letters []*letter) []error {
	errs := make([]error, len(letters))
	var usual []kafka.Message
	var at []int
	for i, l := range letters {
		m := kafka.Message{Key: l.key, Value: l.value}
		for _, h := range l.outgoing() {
			m.Headers = append(m.Headers, kafka.Header{Key: h.name, Value: h.value})
		}
		if l.size() > usualBatchBytes/2 {
			errs[i] = letterError(t.large.WriteMessages(ctx, m))
			continue
		}
		usual, at = append(usual, m), append(at, i)
	}
	if len(usual) == 0 {
		return errs
	}
	err := t.usual.WriteMessages(ctx, usual...)
	var each kafka.WriteErrors
	if errors.As(err, &each) && len(each) == len(usual) {
		for j, e := range each {
			if errs[at[j]] = letterError(e); errors.Is(errs[at[j]], errLetterTooLarge) && len(usual) > 1 {
				// The topic refuses whole batches: only alone a letter is known to be too large.
				errs[at[j]] = letterError(t.large.WriteMessages(ctx, usual[j]))
			}
		}
		return errs
	}
	for _, i := range at {
		errs[i] = letterError(err)
	}
	return errs
}

// Close implements letterWriter.
func (t *letterTopic) Close() error { return errors.Join(t.usual.Close(), t.large.Close()) }

func letterError(err error) error {
	var tooLarge kafka.MessageTooLargeError
	if errors.Is(err, kafka.MessageSizeTooLarge) || errors.As(err, &tooLarge) {
		return errLetterTooLarge
	}
	return err
}
