package verify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

// fakeRecord is a record of a fake topic. Its value names what it owes: the
// namespaces, by commas, or a reason behind an exclamation mark.
type fakeRecord struct {
	offset, timestamp int64
	key, value        string
	headers           [][2]string
}

// fakeKafka has topics in memory.
type fakeKafka struct {
	topics map[string][]fakeRecord // by topic/partition
	reads  map[string]int
}

func tp(topic string, partition int32) kafka.TopicPartition {
	return kafka.TopicPartition{Topic: topic, Partition: partition}
}

func name(topic string, partition int32) string { return fmt.Sprint(topic, "/", partition) }

func (k *fakeKafka) Read(_ context.Context, r *scan.Range, each func(*wire.Record) error, unread func(scan.Unread) error) error {
	k.reads[r.Topic]++
	for _, f := range k.topics[name(r.Topic, r.Partition)] {
		if f.offset < r.From || r.To != scan.ToEnd && f.offset >= r.To {
			continue
		}
		if f.value == "corrupt" {
			if err := unread(scan.Unread{First: f.offset, Last: f.offset + 9, Records: 10, Err: wire.ErrCRC}); err != nil {
				return err
			}
			continue
		}
		rec, err := f.wire()
		if err != nil {
			return err
		}
		if err := each(rec); err != nil {
			return err
		}
	}
	return nil
}

// wire encodes the record and reads it back as one of Kafka's.
func (f *fakeRecord) wire() (*wire.Record, error) {
	sized := func(b []byte, text string) []byte { return append(binary.AppendVarint(b, int64(len(text))), text...) }
	body := []byte{0, 0, 0}
	body = sized(body, f.key)
	body = sized(body, f.value)
	body = binary.AppendVarint(body, int64(len(f.headers)))
	for _, h := range f.headers {
		body = sized(sized(body, h[0]), h[1])
	}
	data := append(binary.AppendVarint(nil, int64(len(body))), body...)
	var rec wire.Record
	var it wire.Records
	it.Reset(&wire.Batch{Records: 1, BaseOffset: f.offset, LastOffset: f.offset, FirstTimestamp: f.timestamp}, data)
	if !it.Next(&rec) {
		return nil, it.Err()
	}
	return &rec, nil
}

var errNoSchema = errors.New("the registry is away")

// byValue routes records by their value.
type byValue struct {
	policy record.Policy
	skip   int64 // the first offset of ten that are named to be skipped
}

func (b byValue) Skips(_ kafka.TopicPartition, first, last int64) bool {
	return b.skip > 0 && first >= b.skip && last < b.skip+10
}

func (b byValue) Fate(_ context.Context, _ kafka.TopicPartition, rec *wire.Record) (scan.Fate, error) {
	text := string(rec.Value)
	if reason, ok := strings.CutPrefix(text, "!"); ok {
		return scan.Fate{Reason: reason, Policy: b.policy}, nil
	}
	if text == "unknown schema" {
		return scan.Fate{}, errNoSchema
	}
	return scan.Fate{Namespaces: strings.Split(text, ",")}, nil
}

// scene is a topic "t" with one partition, its receipts and its dead letters.
type scene struct {
	t        *testing.T
	kafka    *fakeKafka
	next     map[int32]int64 // where each partition ends
	from     map[int32]int64 // where each is verified from; nil: from its start
	receipts int
	policy   record.Policy
	skip     int64
	limit    int
	ids      string // of the topic
	late     int64  // the first receipt that seems young enough for Trace
}

func newScene(t *testing.T) *scene {
	return &scene{t: t, kafka: &fakeKafka{topics: map[string][]fakeRecord{}, reads: map[string]int{}}, next: map[int32]int64{}, ids: "id-1", limit: 1000}
}

// stamp is the timestamp of the record at an offset.
func stamp(offset int64) int64 { return 1_700_000_000_000 + offset }

// records appends records with these values to a partition; "-" leaves a hole.
func (s *scene) records(partition int32, values ...string) {
	for _, v := range values {
		offset := s.next[partition]
		s.next[partition]++
		if v != "-" {
			key := name("t", partition)
			s.kafka.topics[key] = append(s.kafka.topics[key], fakeRecord{offset: offset, timestamp: stamp(offset), value: v})
		}
	}
}

func piece(partition int32, first, last int64, records int) receipt.Piece {
	return receipt.Piece{Topic: "t", TopicID: "id-1", Partition: partition, First: first, Last: last, Records: records}
}

// receipt writes one and returns its key.
func (s *scene) receipt(namespace string, pieces ...receipt.Piece) *receipt.Receipt {
	s.receipts++
	r := &receipt.Receipt{RequestID: fmt.Sprint("req_", s.receipts), Namespace: namespace, Records: 1, Attempts: 1, Settings: "now", StoredAt: time.UnixMilli(stamp(0)), Pieces: pieces}
	s.write(r)
	return r
}

func (s *scene) write(r *receipt.Receipt) {
	value, err := r.Encode()
	if err != nil {
		s.t.Fatal(err)
	}
	s.append("receipts", fakeRecord{key: string(r.Key()), value: string(value)})
}

func (s *scene) append(topic string, f fakeRecord) {
	key := name(topic, 0)
	f.offset = int64(len(s.kafka.topics[key]))
	s.kafka.topics[key] = append(s.kafka.topics[key], f)
}

// letter writes a dead letter of a record.
func (s *scene) letter(namespace string, partition int32, offset int64) {
	f := fakeRecord{value: "x", headers: [][2]string{
		{"bridge.source.topic", "someone else's"}, {"bridge.source.topic", "t"}, {"bridge.source.partition", fmt.Sprint(partition)},
		{"bridge.source.offset", fmt.Sprint(offset)},
	}}
	if namespace != "" {
		f.headers = append(f.headers, [2]string{"bridge.namespace", namespace})
	}
	s.append("dead", f)
}

func (s *scene) run() *Report {
	s.t.Helper()
	in := input{Receipts: []scan.Range{{TopicPartition: tp("receipts", 0), To: scan.ToEnd}}, Letters: []scan.Range{{TopicPartition: tp("dead", 0), To: scan.ToEnd}}, Settings: "now", Limit: s.limit}
	for p, next := range s.next {
		in.Records = append(in.Records, scan.Range{TopicPartition: tp("t", p), TopicID: s.ids, From: s.from[p], To: next})
	}
	slices.SortFunc(in.Records, func(a, b scan.Range) int { return int(a.Partition - b.Partition) })
	report, err := run(s.t.Context(), in, s.kafka, byValue{s.policy, s.skip})
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}
