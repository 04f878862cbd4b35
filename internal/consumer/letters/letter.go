package letters

import (
	"slices"
	"strconv"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/kafka"
)

// Letter is one dead letter: the original record, and why it is one.
type Letter struct {
	fetch.Original // without the headers that Outgoing adds

	Reason, Err          string
	Namespace, RequestID string // of a refused batch, "" for a record that became no line

	// Owner is what waits for the topic's answer. It belongs to whoever posts the
	// letter.
	Owner any
}

// The headers that make a record a dead letter.
const (
	headerReason = "bridge.reason"
	headerSource = "bridge.source.topic"
)

// Of makes a letter of a record that was kept, else nil.
func Of(r *fetch.Rejected) *Letter {
	if r.Original == nil {
		return nil
	}
	return &Letter{Original: *r.Original}
}

// IsLetter reports whether the record is a dead letter of a bridge already: see Marked.
func (l *Letter) IsLetter() bool {
	return Marked(func(name string) bool {
		return slices.ContainsFunc(l.Headers, func(h kafka.Header) bool { return h.Name == name })
	})
}

// Marked reports whether a record that has some headers is a dead letter of a bridge
// already. It is never dead-lettered again: bridges that read each other's dead-letter
// topics would send it back and forth for ever.
func Marked(has func(name string) bool) bool { return has(headerReason) && has(headerSource) }

// Describe says why the record is a dead letter.
func (l *Letter) Describe(reason, err string) { l.Reason, l.Err = reason, err }

// Outgoing returns the record with its original headers, then ours. It implements
// outbox.Item.
func (l *Letter) Outgoing() kafka.Record {
	headers := append(slices.Clone(l.Headers),
		kafka.Header{Name: headerReason, Value: []byte(l.Reason)},
		kafka.Header{Name: "bridge.error", Value: []byte(l.Err)},
		kafka.Header{Name: headerSource, Value: []byte(l.Source.Topic)},
		kafka.Header{Name: "bridge.source.partition", Value: strconv.AppendInt(nil, int64(l.Source.Partition), 10)},
		kafka.Header{Name: "bridge.source.offset", Value: strconv.AppendInt(nil, l.Offset, 10)},
		kafka.Header{Name: "bridge.source.timestamp", Value: fetch.FormatTimestamp(l.Timestamp)})
	if l.Namespace != "" {
		headers = append(headers, kafka.Header{Name: "bridge.namespace", Value: []byte(l.Namespace)})
	}
	if l.RequestID != "" {
		headers = append(headers, kafka.Header{Name: "bridge.request_id", Value: []byte(l.RequestID)})
	}
	return kafka.Record{Key: l.Key, Value: l.Value, Headers: headers}
}
