package fetch

import (
	"testing"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// TestOriginal_ownsItsMemory overwrites what a record was decoded from.
func TestOriginal_ownsItsMemory(t *testing.T) {
	rec := wire.Record{Offset: 7, Timestamp: recordbatch.Time, Key: []byte("key"), Value: []byte("value")}
	l := newOriginal(kafka.TopicPartition{Topic: "orders", Partition: 0}, &rec)
	l.Own()
	clear(rec.Key)
	clear(rec.Value)
	if string(l.Key) != "key" || string(l.Value) != "value" {
		t.Errorf("key %q, value %q", l.Key, l.Value)
	}
}
