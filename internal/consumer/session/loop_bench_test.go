package session

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/test/recordbatch"
)

// instant stores at once what it is given.
type instant struct{ process.Import }

func (instant) Attempt(context.Context, func() error) importer.Outcome {
	return importer.Outcome{Class: Stored, Operation: importer.OperationUpload, RequestID: "req_0123456789abcdef"}
}
func (instant) Drop()             {}
func (instant) RequestID() string { return "req_0123456789abcdef" }
func (instant) Attempts() int     { return 1 }
func (instant) Ambiguous() bool   { return false }
func (instant) MayRepeat() bool   { return false }

// answer is an answer of the brokers with as many records of a size, in bytes, each of
// a namespace that pick chooses.
func answer(base int64, records, size int, pick func(int) int) []byte {
	batch := recordbatch.Batch{Base: base}
	for i := range records {
		value := fmt.Appendf(nil, `{"id":"%08d","ns":"namespace-%05d","pad":"`, i, pick(i))
		value = append(value, strings.Repeat("pad ", size/4)[:max(0, size-2-len(value))]...)
		batch.Records = append(batch.Records, recordbatch.Record{Offset: base + int64(i), Value: append(value, `"}`...)})
	}
	return batch.Encode()
}

// BenchmarkLoop_chunk is what the loop does for the chunks of an answer of 1,000 records
// of 1,000 bytes: append the lines to batches, and note them in the ledger.
func BenchmarkLoop_chunk(b *testing.B) {
	const records, size = 1000, 1000
	for _, namespaces := range []int{1, 20, 10_000} {
		b.Run(fmt.Sprintf("%dns", namespaces), func(b *testing.B) {
			r, rng, base := newIntakeRig(b), rand.New(rand.NewPCG(5, 5)), int64(0)
			b.SetBytes(records * size)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				if base%4000 == 0 {
					r.settle(b)
				}
				r.decode(b, answer(base, records, size, func(int) int { return rng.IntN(namespaces) }))
				base += records
				b.StartTimer()
				r.take()
			}
			b.StopTimer()
			r.settle(b)
		})
	}
}

// BenchmarkLoop_batch is what the loop does for one import, from a batch that is sealed
// to its end in the ledger: the goroutine of the attempt and the line of the log
// included, HTTP not.
func BenchmarkLoop_batch(b *testing.B) {
	for _, namespaces := range []int{20, 10_000} {
		b.Run(fmt.Sprintf("%dns", namespaces), func(b *testing.B) {
			r, base, left := newIntakeRig(b), int64(0), 0
			s := r.session
			s.NewImport = func(string, [][]byte, int64) process.Import { return instant{} }
			s.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // making the line is measured
			s.Enter(b.Context())
			s.Member.Lease = group.NewLease(time.Hour, time.Now())
			b.ReportAllocs()
			for b.Loop() {
				if left == 0 {
					b.StopTimer()
					r.decode(b, answer(base, namespaces, 100, func(i int) int { return i }))
					r.take()
					base, left = base+int64(namespaces), namespaces
					b.StartTimer()
				}
				left--
				s.memory.sealLargest(time.Now())
				s.attempts.Dispatch(time.Now())
				s.attempts.Attempted(<-s.attempts.Results)
			}
			b.StopTimer()
			r.settle(b)
		})
	}
}
