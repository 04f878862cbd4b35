package assignment

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
)

func TestPartition_behindSince(t *testing.T) {
	at := func(ms int64) time.Time { return time.UnixMilli(ms) }
	for _, tc := range []struct {
		name             string
		position, stable int64
		lastSeen         int64
		caughtUp         time.Time
		owed             bool
		want             time.Time
	}{
		{"everything is read and stored", 10, 10, 5000, at(6000), false, time.Time{}},
		{"the oldest unfinished record counts", 10, 10, 5000, at(6000), true, at(1234)},
		{"also where more waits unread", 10, 20, 5000, at(6000), true, at(1234)},
		{"unread records are younger than the last one read", 10, 20, 5000, at(4000), false, at(5000)},
		{"and than the time when all had been read", 10, 20, 5000, at(6000), false, at(6000)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &Partition{Ledger: ledger.New(0, ledger.Frontier{}), condition: condition{Cursor: &fetch.Cursor{}}, progress: progress{LastSeen: tc.lastSeen, CaughtUp: tc.caughtUp}}
			p.Cursor.StableOffset.Store(tc.stable)
			if tc.owed {
				if _, err := p.Ledger.Track(ledger.Batch, "acme", 3, 1234, at(9000)); err != nil {
					t.Fatal(err)
				}
			}
			p.Ledger.Advance(tc.position)
			if got := p.behindSince(); !got.Equal(tc.want) {
				t.Errorf("behind since %s, want %s", got, tc.want)
			}
		})
	}
	if got := (&Partition{}).behindSince(); !got.IsZero() {
		t.Errorf("a partition without a start is behind since %s", got)
	}
}
