package session

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// BenchmarkIntake is the way of records from an answer to their batches, in one
// goroutine: decoder, batcher, ledger. An operation is an answer of 4,000 records.
func BenchmarkIntake(b *testing.B) {
	const records = 4000
	for _, codec := range []wire.Codec{wire.None, wire.Zstd} {
		for _, size := range []int{100, 1000} {
			for _, namespaces := range []int{1, 20, 1000} {
				b.Run(fmt.Sprintf("%s/%dB/%dns", codec, size, namespaces), func(b *testing.B) {
					rng := rand.New(rand.NewPCG(5, 5))
					batch := recordbatch.Batch{Codec: codec}
					for i := range records {
						value := fmt.Appendf(nil, `{"id":"%08d","ns":"namespace-%05d","pad":"`, i, rng.IntN(namespaces))
						value = append(value, strings.Repeat("pad ", size/4)[:size-2-len(value)]...)
						batch.Records = append(batch.Records, recordbatch.Record{Offset: int64(i), Value: append(value, `"}`...)})
					}
					raw := batch.Encode()
					r, base := newIntakeRig(b), uint64(0)
					b.SetBytes(int64(records * size))
					b.ReportAllocs()
					for b.Loop() {
						binary.BigEndian.PutUint64(raw, base) // not covered by the checksum
						r.serve(b, raw)
						base += records
					}
					if got := r.partition.Ledger.Watermark(); got != int64(base) {
						b.Fatalf("%d records were taken, want %d", got, base)
					}
				})
			}
		}
	}
}
