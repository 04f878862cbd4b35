package process

import (
	"testing"
	"testing/synctest"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/decode"
)

// fixedReceipts hold so many bytes.
type fixedReceipts int64

func (fixedReceipts) Post([]byte, []byte, int64, func()) {}
func (r fixedReceipts) Bytes() int64                     { return int64(r) }
func (fixedReceipts) Failing() bool                      { return false }

// What reading waits for counts as taken before it is lent: batches make room for it.
func TestMemory_batchesMakeRoomForReading(t *testing.T) {
	const limit = 64 << 20
	own, decoded := fetch.Share(limit), fetch.DecodedShare(limit)
	for name, tc := range map[string]struct {
		cfg      Config
		receipts Receipts
		beside   int64 // of all that is not read
	}{
		"values are JSON":  {Config{BufferMaxBytes: limit}, nil, 0},
		"values are coded": {Config{BufferMaxBytes: limit, Schemas: new(decode.Schemas)}, nil, decoded},
		"with receipts":    {Config{BufferMaxBytes: limit}, fixedReceipts(1000), 1000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory(&tc.cfg, tc.receipts)
				want := func(when string, reading int64) {
					t.Helper()
					if got := m.Budget.Share(); got != limit-reading-tc.beside {
						t.Errorf("%s batches may hold %d, want %d", when, got, limit-reading-tc.beside)
					}
				}
				want("while nothing is read", 2*own)
				for _, a := range []*fetch.Allowance{m.Fetched, m.Inflated} {
					done := make(chan *fetch.Buffer, 1)
					go func() {
						b, err := a.Lend(t.Context(), own+own/2)
						if err != nil {
							t.Error(err)
						}
						done <- b
					}()
					<-a.Asked
					wanted := a.Wanted()
					if wanted < own+own/2 {
						t.Fatalf("%d bytes are wanted", wanted)
					}
					want("while reading waits", own+wanted)
					a.Grant(wanted)
					b := <-done
					want("while it is lent", own+wanted)
					if m.Lent() != wanted {
						t.Errorf("%d bytes are lent, want %d", m.Lent(), wanted)
					}
					b.Release()
					want("when it was given back", 2*own)
				}
			})
		})
	}
}
