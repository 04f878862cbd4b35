package consumer

import (
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// beginning is what start decides, and nothing of how.
type beginning struct {
	start    int64
	first    bool
	held     bool
	reset    string
	gap      int64
	frontier ledger.Frontier
}

var (
	owedFrontier = ledger.Frontier{Below: 80, Except: map[string]int64{"acme": 65}, Whole: []ledger.Span{{First: 70, Last: 70}}}
	ownTopic     = wire.UUID{1}
	goneTopic    = wire.UUID{2}
)

// metadata written beside an offset, by whom and when.
func metadataOf(t *testing.T, who string, committed int64, fingerprint string) string {
	t.Helper()
	id, at := identity(ownTopic, "AbCdEfGh-A"), committed
	switch who {
	case "nobody":
		return ""
	case "another program":
		return "flink-checkpoint-12"
	case "a later version":
		return "kib9;x;y;z"
	case "us, and the offset was moved since":
		at = committed + 5
	case "us, in another cluster":
		id = identity(goneTopic, "HgFeDcBa-B")
	case "us, for an earlier topic of the name":
		id = identity(goneTopic, "AbCdEfGh-A")
	case "us, with another routing":
		fingerprint = "00000000.0.0"
	}
	p := ledger.New(at, ledger.Frontier{Below: max(owedFrontier.Below, at), Except: owedFrontier.Except, Whole: owedFrontier.Whole})
	text, _ := p.Encode(ledger.Metadata{TopicID: id, Fingerprint: fingerprint}, ledger.MaxMetadata)
	return text
}

// expect says in the words of the contract where to start.
func expect(who string, committed int64, r kafka.Range, reset OffsetReset, fresh bool) beginning {
	switch {
	case committed < 0 && fresh && reset == ResetLatest:
		return beginning{start: r.Stable, first: true}
	case committed < 0:
		return beginning{start: r.Begin, first: true}
	case who == "us, for an earlier topic of the name" && reset == ResetHold:
		return beginning{start: committed, held: true, gap: committed}
	case who == "us, for an earlier topic of the name":
		return beginning{start: r.Begin, reset: "recreated", gap: committed}
	}
	b := beginning{start: committed}
	switch who {
	case "us":
		b.frontier = ledger.Frontier{Below: max(80, committed), Except: owedFrontier.Except, Whole: owedFrontier.Whole}
	case "us, with another routing":
		b.frontier = ledger.Frontier{Below: 65} // from the first exception on
	}
	switch {
	case committed < r.Begin:
		b.start, b.reset, b.gap = r.Begin, "below_log_start", r.Begin-committed
	case committed > r.End:
		b.start, b.reset, b.gap, b.frontier = r.Begin, "beyond_end", committed-r.End, ledger.Frontier{}
	}
	if b.reset != "" && reset == ResetHold {
		b.start, b.reset, b.held = committed, "", true
	}
	return b
}

// TestStart_decidesForEveryCombination of committed offset, metadata, policy
// and age of the group.
func TestStart_decidesForEveryCombination(t *testing.T) {
	writers := []string{
		"us", "nobody", "another program", "a later version", "us, and the offset was moved since",
		"us, in another cluster", "us, for an earlier topic of the name", "us, with another routing",
	}
	log := kafka.Range{Begin: 50, End: 100, Stable: 90}
	for _, who := range writers {
		for _, committed := range []int64{-1, 0, 49, 50, 60, 100, 101, 1000} {
			for _, reset := range []OffsetReset{ResetEarliest, ResetLatest, ResetHold} {
				for _, fresh := range []bool{true, false} {
					t.Run(fmt.Sprintf("%d by %s, reset %d, new group %t", committed, who, reset, fresh), func(t *testing.T) {
						s := startSession(t, reset)
						c := kafka.Committed{Offset: committed, LeaderEpoch: -1}
						if committed >= 0 {
							c.Metadata = metadataOf(t, who, committed, s.fingerprint)
						}
						r := s.start(kafka.TopicPartition{Topic: "orders", Partition: 0}, c, log, fresh)
						got := beginning{r.start, r.first, r.heldOut, r.reset, r.gap, seen(r.frontier, r.start)}
						want := expect(who, committed, log, reset, fresh)
						want.frontier = seen(want.frontier, want.start)
						if !reflect.DeepEqual(got, want) {
							t.Errorf("start\n%+v\nwant\n%+v", got, want)
						}
						if r.heldOut && r.err == nil {
							t.Error("a held partition must say why")
						}
						if r.committed != committed || r.begin != log.Begin || r.end != log.End || r.stable != log.Stable {
							t.Errorf("told %+v of a log %+v", r, log)
						}
					})
				}
			}
		}
	}
}

// seen is a frontier as far as it says anything above start.
func seen(f ledger.Frontier, start int64) (out ledger.Frontier) {
	if f.Below > start {
		out.Below = f.Below
	}
	for ns, first := range f.Except {
		if first < out.Below {
			if out.Except == nil {
				out.Except = map[string]int64{}
			}
			out.Except[ns] = max(first, start)
		}
	}
	for _, o := range f.Whole {
		if o.First >= start {
			out.Whole = append(out.Whole, o)
		}
	}
	return out
}

func startSession(t *testing.T, reset OffsetReset) *session {
	t.Helper()
	c, err := New(testConfig(t, func(c *Config) { c.OffsetReset = reset }), Dependencies{
		Metrics: NewMetrics(nil, 10), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return newSession(c.resources, member{
		generation: 3, cluster: "AbCdEfGh-A", ids: map[string]wire.UUID{"orders": ownTopic},
		parts: map[string]int{"orders": 1}, assigned: []kafka.TopicPartition{{Topic: "orders", Partition: 0}},
	})
}

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
			p := &partition{ledger: ledger.New(0, ledger.Frontier{}), cursor: &cursor{}, lastSeen: tc.lastSeen, caughtUp: tc.caughtUp}
			p.cursor.stable.Store(tc.stable)
			if tc.owed {
				if _, err := p.ledger.Track(ledger.Batch, "acme", 3, 1234, at(9000)); err != nil {
					t.Fatal(err)
				}
			}
			p.ledger.Advance(tc.position)
			if got := p.behindSince(); !got.Equal(tc.want) {
				t.Errorf("behind since %s, want %s", got, tc.want)
			}
		})
	}
	if got := (&partition{}).behindSince(); !got.IsZero() {
		t.Errorf("a partition without a start is behind since %s", got)
	}
}
