package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// Compare orders partitions by topic, then by number.
func (tp TopicPartition) Compare(other TopicPartition) int {
	return cmp.Or(cmp.Compare(tp.Topic, other.Topic), cmp.Compare(tp.Partition, other.Partition))
}

// String returns topic/partition.
func (tp TopicPartition) String() string { return fmt.Sprintf("%s/%d", tp.Topic, tp.Partition) }

// At returns the place of the partition's record at an offset.
func (tp TopicPartition) At(offset int64) Place { return Place{tp, offset} }

// ErrNoLeader is the error of a partition that nobody can read or write.
var ErrNoLeader = errors.New("the partition has no leader: its broker is down")

// A Place is where a record lies.
type Place struct {
	TopicPartition
	Offset int64 `json:"offset"`
}

// String returns topic/partition@offset.
func (p Place) String() string { return fmt.Sprintf("%s/%d@%d", p.Topic, p.Partition, p.Offset) }

// ParsePlaces reads topic/partition@offset, or topic/partition@first-last for the
// records between two offsets, both included. It returns the place of the first record
// and the offset of the last, and reports whether the text has one of these forms.
func ParsePlaces(text string) (first Place, last int64, ok bool) {
	topic, rest, _ := strings.Cut(text, "/") // no topic's name holds a slash
	partition, offsets, _ := strings.Cut(rest, "@")
	from, to, isRange := strings.Cut(offsets, "-")
	if !isRange {
		to = from
	}
	p, errPartition := strconv.ParseUint(partition, 10, 31)
	f, errFirst := strconv.ParseUint(from, 10, 63)
	l, errLast := strconv.ParseUint(to, 10, 63)
	ok = ValidTopic(topic) && errPartition == nil && errFirst == nil && errLast == nil && f <= l
	if !ok {
		return Place{}, 0, false
	}
	return Place{TopicPartition{topic, int32(p)}, int64(f)}, int64(l), true
}

var topicName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,249}$`)

// ValidTopic reports whether Kafka accepts the name for a topic: at most 249 letters,
// digits, dots, underscores and dashes, and neither "." nor "..".
func ValidTopic(name string) bool {
	return topicName.MatchString(name) && name != "." && name != ".."
}
