package kafka

import (
	"context"
	"errors"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Header is one header of a record; a nil value is null.
type Header struct {
	Name  string
	Value []byte
}

// Record is a record to produce: a nil key or value is null.
type Record struct {
	Key, Value []byte
	Headers    []Header
}

// Size returns about how many bytes the record takes in a batch.
func (r *Record) Size() int64 {
	n := len(r.Key) + len(r.Value) + 512
	for _, h := range r.Headers {
		n += len(h.Name) + len(h.Value) + 32
	}
	return int64(n)
}

// A RefusedError is the error of a record that its topic will never take as the
// topic is configured now. Other records are not affected.
type RefusedError struct {
	Code Code
	// Remedy says what has to change, for people.
	Remedy string
}

// Error implements error.
func (e *RefusedError) Error() string { return e.Code.Err().Error() }

// refusals are the answers to a produce request that are about a record, not
// about the topic's state.
var refusals = map[Code]string{
	Code(kafkago.MessageSizeTooLarge): "raise the topic's max.message.bytes",
	Code(kafkago.InvalidRecord):       "the topic's brokers check what it takes: a compacted topic takes no record without a key, so set its cleanup.policy to delete",
	Code(kafkago.InvalidTimestamp):    "raise the topic's message.timestamp.before.max.ms and message.timestamp.after.max.ms, or correct this host's clock",
	Code(kafkago.RecordListTooLarge):  "raise the topic's segment.bytes",
	Code(kafkago.PolicyViolation):     "the brokers' policy refuses the record: see their logs",
}

// Producer writes records to one topic with acks=all. A record goes to the partition
// that its key hashes to, or to another one while that takes nothing. The library's
// producer has no idempotence: after a lost answer a record may stand twice. Safe for
// concurrent use.
type Producer struct {
	partitioner partitioner
	usual       *kafkago.Writer
	large       *kafkago.Writer // one record at a time, for those beyond what usual batches
	quota       *quotaWatch
}

// UsualBatchBytes is how much a produced batch of several records holds: it stays
// below the default max.message.bytes of a topic, which bounds whole batches.
const UsualBatchBytes = 900 << 10

// UsualBatchRecords is how many records a produced batch holds at most.
const UsualBatchRecords = 500

// NewProducer returns a producer of a topic. It starts nothing. It reaches the brokers as
// the client does, with connections of its own, since a quota on what is written makes
// brokers deaf on them. throttled is called with each time that they ask to wait; it may
// be nil, and must not block.
func NewProducer(c *Client, topic string, throttled func(time.Duration)) *Producer {
	p := &Producer{partitioner: partitioner{avoided: map[int]time.Time{}}, quota: &quotaWatch{Transport: c.newTransport([]string{topic}), throttled: throttled}}
	writer := func(batchBytes int64, size int) *kafkago.Writer {
		return &kafkago.Writer{
			Addr: c.addr, Transport: p.quota, Topic: topic,
			Balancer: &p.partitioner, Completion: p.partitioner.completed, RequiredAcks: kafkago.RequireAll,
			BatchBytes: batchBytes, BatchSize: size, BatchTimeout: 5 * time.Millisecond,
			MaxAttempts: 3, WriteTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
		}
	}
	p.usual, p.large = writer(UsualBatchBytes, UsualBatchRecords), writer(1<<30, 1)
	return p
}

// Write produces the records and waits until every replica in sync has them. The
// errors are in the order of the records: nil for the acknowledged ones, a *RefusedError
// for those that the topic will never take, and a *ThrottledError for all where the
// brokers have asked to wait.
func (p *Producer) Write(ctx context.Context, records []Record) []error {
	errs := make([]error, len(records))
	if until := p.quota.waits(); time.Now().Before(until) {
		for i := range errs {
			errs[i] = &ThrottledError{Topic: p.usual.Topic, Until: until}
		}
		return errs
	}
	var usual []kafkago.Message
	var at []int
	for i := range records {
		r := &records[i]
		m := kafkago.Message{Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			m.Headers = append(m.Headers, kafkago.Header{Key: h.Name, Value: h.Value})
		}
		if r.Size() > UsualBatchBytes/2 {
			errs[i] = p.send(ctx, p.large, m)[0]
			continue
		}
		usual, at = append(usual, m), append(at, i)
	}
	for j, err := range p.send(ctx, p.usual, usual...) {
		if IsRefused(err) && len(usual) > 1 {
			// The topic refuses whole batches: only alone a record is known to be the reason.
			err = p.send(ctx, p.large, usual[j])[0]
		}
		errs[at[j]] = err
	}
	return errs
}

// send writes messages and returns what became of each.
func (p *Producer) send(ctx context.Context, w *kafkago.Writer, messages ...kafkago.Message) []error {
	for i := range messages {
		messages[i].WriterData = &delivery{}
	}
	err := w.WriteMessages(ctx, messages...)
	errs := make([]error, len(messages))
	for i := range messages {
		errs[i] = produceError(p.partitioner.outcome(messages[i].WriterData.(*delivery), err))
		if code, _ := CodeOf(errs[i]); code == CodeTopicDenied {
			errs[i] = &TopicDeniedError{Topic: w.Topic, Write: true}
		}
	}
	return errs
}

// Close ends what Write has started. No Write may be under way.
func (p *Producer) Close() error {
	defer p.quota.CloseIdleConnections()
	return errors.Join(p.usual.Close(), p.large.Close())
}

func produceError(err error) error {
	// A write of one record alone wraps its error in a list.
	if each, ok := errors.AsType[kafkago.WriteErrors](err); ok && len(each) == 1 {
		err = each[0]
	}
	if _, tooLarge := errors.AsType[kafkago.MessageTooLargeError](err); tooLarge {
		err = kafkago.MessageSizeTooLarge
	}
	if code, ok := errors.AsType[kafkago.Error](err); ok {
		if remedy, refused := refusals[Code(code)]; refused {
			return &RefusedError{Code(code), remedy}
		}
	}
	return err
}

// IsRefused reports whether err says that a record will never be taken.
func IsRefused(err error) bool {
	_, ok := errors.AsType[*RefusedError](err)
	return ok
}
