package session

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// intakeRig is a decoder and the part of a session that takes its chunks.
type intakeRig struct {
	session   *Session
	partition *assignment.Partition
	decoder   *fetch.Decoder
	chunks    chan *fetch.Chunk
	answers   *fetch.Allowance
}

func newIntakeRig(t testing.TB) *intakeRig {
	t.Helper()
	cfg := testConfig(t, func(c *process.Config) {
		c.BufferMaxBytes = 64 << 20
		c.Batch = batcher.Limits{MaxBytes: 8 << 20, MaxRecords: 50_000, MaxAge: time.Hour}
	})
	r, err := process.New(cfg, process.Dependencies{Metrics: report.NewMetrics(nil, 10), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	p := assignment.NewPartition(kafka.TopicPartition{Topic: "orders", Partition: 3}, wire.UUID{}, &assignment.Schedule{})
	p.Ledger = ledger.New(0, ledger.Frontier{})
	p.Cursor = &fetch.Cursor{TopicPartition: p.TopicPartition}
	chunks := make(chan *fetch.Chunk, 64)
	reading := cfg.Reading(r.Metrics.KafkaFailed, nil)
	s := newSession(&assignment.Generation{Process: r}, batcher.New(cfg.Batch, r.Pool))
	s.assignment.Partitions[p.TopicPartition] = p
	return &intakeRig{
		session: s, partition: p, decoder: fetch.NewDecoder(&reading, r.Mapper, r.Inflated, chunks), chunks: chunks, answers: r.Fetched,
	}
}

// serve decodes an answer and takes all that comes of it; then the batches are
// as good as stored.
func (r *intakeRig) serve(t testing.TB, raw []byte) {
	r.decode(t, raw)
	r.take()
	r.settle(t)
}

// decode makes chunks of an answer.
func (r *intakeRig) decode(t testing.TB, raw []byte) {
	l, err := r.answers.Lend(t.Context(), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	copy(l.Bytes, raw)
	r.decoder.Serve(t.Context(), fetch.Work{Cursor: r.partition.Cursor, From: r.partition.Ledger.Position(), High: 1 << 40, Records: l.Bytes[:len(raw)], Lease: l})
	r.decoder.DropArena()
}

// take lets the session take all chunks.
func (r *intakeRig) take() {
	for len(r.chunks) > 0 {
		r.session.intake.take(<-r.chunks)
	}
}

// settle ends all batches as if they were stored.
func (r *intakeRig) settle(t testing.TB) {
	for _, b := range r.session.lines.Batches.SealAll(batcher.ReasonShutdown) {
		for _, pc := range b.Tag.(*imports.Manifest).Pieces {
			if err := r.partition.Ledger.Settle(pc.Node); err != nil {
				t.Fatal(err)
			}
		}
		b.Release()
	}
}

// TestIntake_allocatesNothingPerRecord holds the way of a record from the answer
// to its batch: what is allocated is per answer, chunk and batch.
func TestIntake_allocatesNothingPerRecord(t *testing.T) {
	const records = 4000
	limit := 0.05 // per record
	if raceDetector {
		limit = 0.25
	}
	for _, codec := range []wire.Codec{wire.None, wire.Snappy, wire.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			r := newIntakeRig(t)
			pad := strings.Repeat("x", 900)
			var answers [][]byte
			for run := range 12 {
				b := recordbatch.Batch{Base: int64(run * records), Codec: codec}
				for i := range records {
					o := b.Base + int64(i)
					b.Records = append(b.Records, recordbatch.Record{Offset: o, Value: fmt.Appendf(nil, `{"id":"%d","ns":"n%d","pad":"%s"}`, o, i%7, pad)})
				}
				answers = append(answers, b.Encode())
			}
			next := 0
			// A collection takes from the pools what would be used again.
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			allocations := testing.AllocsPerRun(len(answers)-1, func() {
				r.serve(t, answers[next])
				next++
			})
			if want := int64(next * records); r.partition.Ledger.Watermark() != want {
				t.Fatalf("%d records were taken, want %d", r.partition.Ledger.Watermark(), want)
			}
			if perRecord := allocations / records; perRecord > limit {
				t.Errorf("%.2f allocations per record", perRecord)
			} else {
				t.Logf("%.4f allocations per record", perRecord)
			}
		})
	}
}
