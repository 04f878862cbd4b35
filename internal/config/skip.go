package config

import (
	"fmt"
	"strconv"
	"strings"
)

// SkipRecord names one record.
type SkipRecord struct {
	Topic     string
	Partition int32
	Offset    int64 // the record's own offset
}

// SkipRecords are the records that an operator leaves out by name.
type SkipRecords []SkipRecord

// Decode parses topic/partition@offset,...
func (s *SkipRecords) Decode(text string) error {
	var names List
	if err := names.Decode(text); err != nil {
		return err
	}
	records := make(SkipRecords, len(names))
	for i, name := range names {
		var ok bool
		if records[i], ok = parseSkipRecord(name); !ok {
			return fmt.Errorf("element %d is not of the form topic/partition@offset", i+1)
		}
	}
	*s = records
	return nil
}

func parseSkipRecord(name string) (SkipRecord, bool) {
	topic, rest, _ := strings.Cut(name, "/")
	partition, offset, _ := strings.Cut(rest, "@")
	p, errPartition := strconv.ParseUint(partition, 10, 31)
	o, errOffset := strconv.ParseUint(offset, 10, 63)
	ok := topicFault(topic) == "" && errPartition == nil && errOffset == nil
	return SkipRecord{topic, int32(p), int64(o)}, ok
}
