package config

import (
	"fmt"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// SkipRecords are the records that an operator leaves out by name.
type SkipRecords map[kafka.TopicPartition]ledger.Offsets

// Decode parses topic/partition@offset,topic/partition@first-last,...
func (s *SkipRecords) Decode(text string) error {
	var names List
	if err := names.Decode(text); err != nil {
		return err
	}
	records := SkipRecords{}
	for i, name := range names {
		first, last, ok := kafka.ParsePlaces(name)
		if !ok {
			return fmt.Errorf("element %d is not of the form topic/partition@offset, as in users/3@1742, or topic/partition@first-last", i+1)
		}
		records[first.TopicPartition] = records[first.TopicPartition].With(first.Offset, last)
	}
	*s = records
	return nil
}
