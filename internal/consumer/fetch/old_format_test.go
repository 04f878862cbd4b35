package fetch

import (
	"bytes"
	"fmt"
	"testing"

	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// Messages of the formats before Kafka 0.11 become chunks as the records of a batch
// do, also from the middle of a compressed one.
func TestDecoder_oldFormats(t *testing.T) {
	in := recordbatch.InNS
	r := newDecoderRig(t)
	chunks := r.decode(r.work(1,
		recordbatch.Batch{OldFormat: true, Codec: wire.Gzip, Records: []recordbatch.Record{in(0, "a"), in(1, "a")}},
		recordbatch.Batch{OldFormat: true, Records: []recordbatch.Record{in(2, "a"), {Offset: 3}}},
		recordbatch.Batch{Base: 4, Records: []recordbatch.Record{in(4, "a")}}))
	line := func(offset int64) []byte { return recordbatch.LineOf(offset, "a") }
	want := fmt.Sprintf("1-5 (4 records)\na: 1=%s 2=%s 4=%s\n3 tombstone kept=false\n", line(1), line(2), line(4))
	if got := told(chunks); got != want {
		t.Errorf("decoded\n%s\nwant\n%s", got, want)
	}
	r.end(chunks)
}

// A message that inflates to more than its share is held as the range from where
// reading is on: where it begins its header does not say.
func TestDecoder_passesOverAMessageThatInflatesBeyondItsShare(t *testing.T) {
	in := recordbatch.InNS
	r := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = 8 << 20 })
	chunks := r.decode(r.work(5,
		recordbatch.Batch{OldFormat: true, Base: 4, Codec: wire.Gzip, Records: []recordbatch.Record{in(4, "a"), {Offset: 7, Value: bytes.Repeat([]byte(" "), 3<<20)}}},
		recordbatch.Batch{OldFormat: true, Records: []recordbatch.Record{in(8, "a")}}))
	want := fmt.Sprintf("oversized 5-7 (3 records)\n8-9 (1 records)\na: 8=%s\n", recordbatch.LineOf(8, "a"))
	if got := told(chunks); got != want {
		t.Errorf("decoded\n%.600s\nwant\n%s", got, want)
	}
	r.end(chunks)
}
