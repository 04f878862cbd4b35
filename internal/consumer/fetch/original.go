package fetch

import (
	"bytes"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// Original is a record as it was read: what a dead letter is made of.
type Original struct {
	Source    kafka.TopicPartition
	Offset    int64
	Timestamp int64 // as the record has it, whatever that is: Unix milliseconds
	kafka.Record
}

// newOriginal keeps a record, in whose memory its key, value and header values stay
// until Own.
func newOriginal(source kafka.TopicPartition, r *wire.Record) *Original {
	o := &Original{Source: source, Offset: r.Offset, Timestamp: r.Timestamp, Record: kafka.Record{Key: r.Key, Value: r.Value}}
	for name, value := range r.Headers() {
		o.Headers = append(o.Headers, kafka.Header{Name: string(name), Value: value})
	}
	return o
}

// Own copies the memory that the original shares with the record that it was made of.
func (o *Original) Own() {
	o.Key, o.Value = bytes.Clone(o.Key), bytes.Clone(o.Value)
	for i := range o.Headers {
		o.Headers[i].Value = bytes.Clone(o.Headers[i].Value)
	}
}
