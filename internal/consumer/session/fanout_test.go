package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/record"
)

// TestFanout_theLargestRecordFitsTheBudget shows that no record is accepted whose
// lines cost more than the budget could ever give: the session would wait for
// room for ever.
func TestFanout_theLargestRecordFitsTheBudget(t *testing.T) {
	for _, buffer := range []int64{16 << 20, 64 << 20, 256 << 20} {
		t.Run(fmt.Sprint(buffer>>20, " MiB"), func(t *testing.T) {
			cfg := process.Config{BufferMaxBytes: buffer}
			var source record.NamespaceSource
			if err := source.UnmarshalText([]byte("header:ns")); err != nil {
				t.Fatal(err)
			}
			var id record.IDSource
			if err := id.UnmarshalText([]byte("field:id")); err != nil {
				t.Fatal(err)
			}
			m, err := record.NewMapper(record.Settings{Namespace: source, ID: id, MaxLineBytes: 8 << 20, MaxFanoutBytes: buffer / 4, FanoutOverhead: process.LineOverhead})
			if err != nil {
				t.Fatal(err)
			}
			worker, b := m.Worker(), batcher.New(batcher.Limits{MaxBytes: 8 << 20, MaxRecords: 50000, MaxAge: time.Minute}, batcher.NewPool())
			share := buffer - 2*fetch.Share(cfg.BufferMaxBytes)
			for _, count := range []int{1000, 4000, 16000, 64000, 256000} {
				names := make([]string, count)
				for i := range names {
					names[i] = fmt.Sprint("n", i)
				}
				in := record.Input{Value: []byte(`{"id":"a"}`), Headers: fanoutHeader(strings.Join(names, ","))}
				line, _, rej := worker.Line(nil, &in)
				if rej != nil {
					if rej.Reason != record.TooLarge {
						t.Errorf("%d namespaces: %s, want too_large", count, rej.Detail)
					}
					continue
				}
				var cost int64
				for _, ns := range line.Namespaces {
					lines, batches := b.CostRun(ns, 1, int64(len(line.Bytes))+1)
					cost += lines + batches*imports.PieceBytes
				}
				if most := share / 2; cost > most {
					t.Errorf("%d namespaces are accepted and cost %d bytes, want at most half of the share, %d", count, cost, most)
				}
			}
		})
	}
}

// fanoutHeader is the value of the record header ns.
type fanoutHeader string

func (h fanoutHeader) Header(string) (value []byte, ok bool) { return []byte(h), true }
