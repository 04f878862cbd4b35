package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/kafkatest"
	"kafka-import-bridge/test/truth"
)

// Where a record batch of version 2 has its fields, in bytes from its start.
const (
	batchCRC        = 17
	batchAttributes = 21 // two bytes; the CRC covers all from here on
	batchHeader     = 61
)

// segment is the log file of partition 0 on the broker's disk. The broker reads
// it anew for each fetch, so a test can damage and mend it while all run.
type segment struct {
	w    *world
	path string
	good []byte // as the broker wrote it
}

func (w *world) segment() *segment {
	w.t.Helper()
	s := &segment{w: w, path: filepath.Join(w.kafka.Nodes[0].DataDir(), w.topic+"-0", "00000000000000000000.log")}
	var err error
	if s.good, err = os.ReadFile(s.path); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// damage changes the batch that begins with the n-th record, in place.
func (s *segment) damage(first int64, change func(batch []byte)) {
	s.w.t.Helper()
	file := bytes.Clone(s.good)
	for rest := file; len(rest) > batchHeader; {
		size := 12 + int(binary.BigEndian.Uint32(rest[8:]))
		if int64(binary.BigEndian.Uint64(rest)) == first {
			change(rest[:size])
			s.write(file)
			return
		}
		rest = rest[size:]
	}
	s.w.t.Fatalf("no batch begins at offset %d", first)
}

// mend restores what the broker wrote.
func (s *segment) mend() { s.write(s.good) }

// write writes into the file, which the broker holds open, and keeps its size.
func (s *segment) write(content []byte) {
	s.w.t.Helper()
	f, err := os.OpenFile(s.path, os.O_WRONLY, 0)
	if err != nil {
		s.w.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(content, 0); err != nil {
		s.w.t.Fatal(err)
	}
}

func flipOneByte(batch []byte) { batch[len(batch)-20] ^= 1 }

// unknownCodec names a codec that does not exist, under a CRC that is right.
func unknownCodec(batch []byte) {
	batch[batchAttributes+1] |= 7
	binary.BigEndian.PutUint32(batch[batchCRC:], crc32.Checksum(batch[batchAttributes:], crc32.MakeTable(crc32.Castagnoli)))
}

// A batch that is damaged stops its partition, which says so, and no other. It
// is tried again: once the broker answers with the right bytes, all is stored.
func TestCorruptBatch_stopsItsPartitionAlone(t *testing.T) {
	for name, change := range map[string]func([]byte){"a wrong CRC": flipOneByte, "an unknown codec": unknownCodec} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, ownDisk(t), 2)
			for range 3 { // a batch of 50 records for each partition
				w.produce(load{records: 100})
			}
			disk := w.segment()
			disk.damage(50, change)
			b := w.start()
			w.eventually("the other partition and what lies before the batch are stored", func() bool { return w.truth.Missing() == 100 })
			w.eventually("the damage is told", func() bool {
				state, problem := b.partition(0)
				return state == "failed" && problem != "" && b.metric("kafka_errors_total", `operation="decode"`) > 0
			})
			w.eventually("what lies before it is committed", func() bool {
				return w.truth.Committed(w.topic, 0) == 50 && w.truth.Committed(w.topic, 1) == 150
			})
			b.wantSaid("partition cannot be read")
			disk.mend()
			w.settle(b)
			w.judge()
		})
	}
}

// ownDisk is a cluster whose files the test can reach.
func ownDisk(t *testing.T) *kafkatest.Cluster {
	if shared := kafkatest.Shared(t); len(shared.Nodes) > 0 {
		return shared
	}
	return kafkatest.New(t, kafkatest.Options{})
}

// A batch that inflates far beyond the memory budget does not fill memory: it is
// held, and what lies behind it is stored.
func TestCorruptBatch_inflatesBeyondTheBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_BUFFER_MAX_BYTES"] = "16MiB"
	const inflated = 96 << 20
	w.produce(load{records: 200})
	bomb := w.client(kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(2*inflated), kgo.BrokerMaxWriteBytes(4*inflated))
	w.produceWith(bomb, load{records: 1, topic: w.topic, partitions: 1, edit: func(_ int, r *kgo.Record, want *truth.Record) {
		r.Value = pad(r.Value, inflated)
		want.Namespaces, want.Fate = nil, truth.Held
	}})
	bomb.Close()
	w.produce(load{records: 200})
	b := w.start()
	w.waitStored()
	w.eventually("the batch is told", func() bool {
		return b.says("Kafka batch has no room") && takes.MatchString(b.status().pin(w.topic, 0))
	})
	w.eventually("all below the record is committed, and the other partition", func() bool {
		return w.truth.Committed(w.topic, 0) == 100 && w.truth.Committed(w.topic, 1) == 200
	})
	if peak := b.peakMemory(); peak > (16+64)<<20 {
		t.Errorf("%d MiB were resident, with a budget of 16 MiB and a batch of %d MiB", peak>>20, inflated>>20)
	}
	b.stop()
	w.judge()
}

// peakMemory is the most memory that was resident, in bytes.
func (b *bridge) peakMemory() (bytes int) {
	b.w.t.Helper()
	peak := peakOf(b.proc.PID())
	if peak == 0 {
		b.w.t.Skip("the peak of memory is known on Linux only")
	}
	return peak
}

// peakOf is the most memory that a living process had resident; 0 where nobody
// knows.
func peakOf(pid int) (bytes int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscanf(after, "%d kB", &bytes); err != nil {
		return 0
	}
	return bytes << 10
}
