package config

import (
	"fmt"
	"strconv"
	"strings"
)

// SkipRecord names one record, or a range of records.
type SkipRecord struct {
	Topic       string
	Partition   int32
	First, Last int64 // offsets, both included
}

// SkipRecords are the records that an operator leaves out by name.
type SkipRecords []SkipRecord

// Decode parses topic/partition@offset,topic/partition@first-last,...
func (s *SkipRecords) Decode(text string) error {
	var names List
	if err := names.Decode(text); err != nil {
		return err
	}
	records := make(SkipRecords, len(names))
	for i, name := range names {
		var ok bool
		if records[i], ok = parseSkipRecord(name); !ok {
			return fmt.Errorf("element %d is not of the form topic/partition@offset or topic/partition@first-last", i+1)
		}
	}
	*s = records
	return nil
}

func parseSkipRecord(name string) (SkipRecord, bool) {
	topic, rest, _ := strings.Cut(name, "/")
	partition, offsets, _ := strings.Cut(rest, "@")
	first, last, isRange := strings.Cut(offsets, "-")
	if !isRange {
		last = first
	}
	p, errPartition := strconv.ParseUint(partition, 10, 31)
	from, errFirst := strconv.ParseUint(first, 10, 63)
	to, errLast := strconv.ParseUint(last, 10, 63)
	ok := topicFault(topic) == "" && errPartition == nil && errFirst == nil && errLast == nil && from <= to
	return SkipRecord{topic, int32(p), int64(from), int64(to)}, ok
}
