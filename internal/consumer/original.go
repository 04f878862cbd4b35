package consumer

import (
	"bytes"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// original is a record as it was read: what a dead letter is made of.
type original struct {
	source    kafka.TopicPartition
	offset    int64
	timestamp int64 // of the record or else of its arrival, Unix milliseconds
	kafka.Record
}

// newOriginal keeps a record that arrived at that time, in whose memory its key,
// value and header values stay until own.
func newOriginal(source kafka.TopicPartition, r *wire.Record, arrived int64) *original {
	o := &original{source: source, offset: r.Offset, timestamp: sourceTime(r.Timestamp, arrived), Record: kafka.Record{Key: r.Key, Value: r.Value}}
	for name, value := range r.Headers() {
		o.Headers = append(o.Headers, kafka.Header{Name: string(name), Value: value})
	}
	return o
}

// own copies what the original shares with the record that it was made of.
func (o *original) own() {
	o.Key, o.Value = bytes.Clone(o.Key), bytes.Clone(o.Value)
	for i := range o.Headers {
		o.Headers[i].Value = bytes.Clone(o.Headers[i].Value)
	}
}
