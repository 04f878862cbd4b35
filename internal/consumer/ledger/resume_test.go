package ledger

import (
	"fmt"
	"reflect"
	"testing"
	"time"
)

// beginning is what Resume decides, and nothing of how.
type beginning struct {
	start    int64
	first    bool
	held     bool
	reset    string
	gap      int64
	frontier Frontier
}

var (
	owedFrontier = Frontier{Below: 80, Except: map[string]int64{"acme": 65}, Whole: []Span{{First: 70, Last: 70}}}
	ownTopic     = [16]byte{1}
	goneTopic    = [16]byte{2}
)

var (
	resetTime     = ResetAt(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	resetDuration = ResetAgo(24 * time.Hour)
	allResets     = []OffsetReset{ResetEarliest, ResetLatest, ResetHold, resetTime, resetDuration}
)

// metadata written beside an offset, by whom and when.
func metadataOf(t *testing.T, who string, committed int64, fingerprint string) string {
	t.Helper()
	id, at := Identity(ownTopic, "AbCdEfGh-A"), committed
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
		id = Identity(goneTopic, "HgFeDcBa-B")
	case "us, for an earlier topic of the name":
		id = Identity(goneTopic, "AbCdEfGh-A")
	case "us, before the brokers had ids":
		id = Identity([16]byte{}, "AbCdEfGh-A")
	case "us, before the brokers had ids, in another cluster":
		id = Identity([16]byte{}, "HgFeDcBa-B")
	case "us, with another routing":
		fingerprint = "00000000.0.0"
	}
	p := New(at, Frontier{Below: max(owedFrontier.Below, at), Except: owedFrontier.Except, Whole: owedFrontier.Whole})
	text, _ := p.Encode(Metadata{TopicID: id, Fingerprint: fingerprint}, MaxMetadata)
	return text
}

// expect says in the words of the contract where to start.
func expect(who string, committed int64, r Log, reset OffsetReset, fresh bool) beginning {
	switch {
	case committed < 0 && fresh && reset == ResetLatest:
		return beginning{start: r.Stable, first: true}
	case committed < 0 && fresh && (reset == resetTime || reset == resetDuration):
		return beginning{start: 70, first: true}
	case committed < 0:
		return beginning{start: r.Begin, first: true}
	case who == "us, for an earlier topic of the name" && reset == ResetHold:
		return beginning{start: committed, held: true, gap: committed}
	case who == "us, for an earlier topic of the name":
		return beginning{start: r.Begin, reset: "recreated", gap: committed}
	}
	b := beginning{start: committed}
	switch who {
	case "us", "us, before the brokers had ids":
		b.frontier = Frontier{Below: max(80, committed), Except: owedFrontier.Except, Whole: owedFrontier.Whole}
	case "us, with another routing":
		b.frontier = Frontier{Below: 65} // from the first exception on
	}
	switch {
	case committed < r.Begin && b.frontier.Below > 0: // all that was removed had been done
		b.start = r.Begin
	case committed < r.Begin:
		b.start, b.reset, b.gap = r.Begin, "below_log_start", r.Begin-committed
	case committed > r.End:
		b.start, b.reset, b.gap, b.frontier = r.Begin, "beyond_end", committed-r.End, Frontier{}
	}
	if b.reset != "" && reset == ResetHold {
		b.start, b.reset, b.held = committed, "", true
	}
	return b
}

// TestResume_decidesForEveryCombination of committed offset, metadata, policy
// and age of the group.
func TestResume_decidesForEveryCombination(t *testing.T) {
	writers := []string{
		"us", "nobody", "another program", "a later version", "us, and the offset was moved since",
		"us, in another cluster", "us, for an earlier topic of the name", "us, with another routing",
		"us, before the brokers had ids", "us, before the brokers had ids, in another cluster",
	}
	log := Log{Begin: 50, End: 100, Stable: 90, Since: 70}
	for _, who := range writers {
		for _, committed := range []int64{-1, 0, 49, 50, 60, 100, 101, 1000} {
			for _, reset := range allResets {
				for _, fresh := range []bool{true, false} {
					t.Run(fmt.Sprintf("%d by %s, reset %v, new group %t", committed, who, reset, fresh), func(t *testing.T) {
						c := Committed{Offset: committed, LeaderEpoch: -1}
						if committed >= 0 {
							c.Metadata = metadataOf(t, who, committed, "0be63aad.100.400")
						}
						at := Resume(c, log, Reader{Identity: Identity(ownTopic, "AbCdEfGh-A"), Fingerprint: "0be63aad.100.400", Reset: reset, Fresh: fresh})
						got := beginning{at.Offset, at.First, at.Held, at.Reset, at.Gap, seen(at.Frontier, at.Offset)}
						want := expect(who, committed, log, reset, fresh)
						want.frontier = seen(want.frontier, want.start)
						if !reflect.DeepEqual(got, want) {
							t.Errorf("start\n%+v\nwant\n%+v", got, want)
						}
						if (at.Problem != nil) != (at.Held || at.Reset != "") {
							t.Errorf("held %t, reset %q and the problem %v", at.Held, at.Reset, at.Problem)
						}
					})
				}
			}
		}
	}
}

// Brokers that name no id any more have the same topic still.
func TestResume_whereIdsAreKnownNoLonger(t *testing.T) {
	c := Committed{Offset: 60, LeaderEpoch: 3, Metadata: metadataOf(t, "us", 60, "0be63aad.100.400")}
	got := Resume(c, Log{Begin: 50, End: 100}, Reader{Identity: Identity([16]byte{}, "AbCdEfGh-A"), Fingerprint: "0be63aad.100.400"})
	if got.Offset != 60 || got.Epoch != 3 || got.Frontier.Below != 80 || got.Remark != NoRemark {
		t.Errorf("%+v", got)
	}
}

// seen is a frontier as far as it says anything above start.
func seen(f Frontier, start int64) (out Frontier) {
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

// TestResume_belowTheLogStart: what was done is no loss, and what is lost though it
// had been read holds nothing up.
func TestResume_belowTheLogStart(t *testing.T) {
	for _, tc := range []struct {
		name        string
		known       Frontier
		gap         int64
		behind      int
		lost, holds bool
	}{
		{"all was done", Frontier{Below: 80}, 0, 0, false, false},
		{"a held record", Frontier{Below: 80, Whole: []Span{{10, 10}, {60, 60}}}, 1, 0, true, false},
		{"a range, in part", Frontier{Below: 80, Whole: []Span{{10, 12}, {40, 59}}}, 13, 0, true, false},
		{"a namespace is behind", Frontier{Below: 80, Except: map[string]int64{"a": 20, "b": 50}}, 0, 1, true, false},
		{"some was never read", Frontier{Below: 30, Whole: []Span{{10, 10}}}, 21, 0, true, true},
		{"nothing is known", Frontier{}, 40, 0, true, true},
	} {
		for _, reset := range allResets {
			p := New(10, tc.known)
			text, _ := p.Encode(Metadata{TopicID: "t", Fingerprint: "f.1.1"}, MaxMetadata)
			got := Resume(Committed{Offset: 10, LeaderEpoch: 3, Metadata: text}, Log{Begin: 50, End: 100, Stable: 100}, Reader{Identity: "t", Fingerprint: "f.1.1", Reset: reset})
			held := reset == ResetHold && tc.holds
			if got.Gap != tc.gap || got.Behind != tc.behind || got.Held != held || (got.Offset == 50) == held || (got.Reset == "below_log_start") != (tc.lost && !held) || (got.Problem != nil) != tc.lost {
				t.Errorf("%s, reset %v: %+v", tc.name, reset, got)
			}
			if known := tc.known.Below > 50 || held; known != (got.Epoch == 3) {
				t.Errorf("%s, reset %v: the leader epoch of what was done is %d", tc.name, reset, got.Epoch)
			}
		}
	}
}

// TestResume_newGroupByTime: where a time lies in a log, or beside it.
func TestResume_newGroupByTime(t *testing.T) {
	for _, tc := range []struct {
		name string
		log  Log
		want int64
	}{
		{"a record of the log", Log{Begin: 50, End: 100, Stable: 100, Since: 70}, 70},
		{"before the log's start", Log{Begin: 50, End: 100, Stable: 100, Since: 50}, 50},
		{"a record that was deleted while it was looked for", Log{Begin: 50, End: 100, Stable: 100, Since: 40}, 50},
		{"after the end", Log{Begin: 50, End: 100, Stable: 100, Since: -1}, 100},
		{"a record that was appended behind the end", Log{Begin: 50, End: 100, Stable: 100, Since: 103}, 103},
		{"a record of an open transaction", Log{Begin: 50, End: 100, Stable: 90, Since: 95}, 95},
		{"after all of an open transaction", Log{Begin: 50, End: 100, Stable: 90, Since: -1}, 90},
		{"an empty log", Log{Since: -1}, 0},
		{"a log whose records are all deleted", Log{Begin: 50, End: 50, Stable: 50, Since: -1}, 50},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, reset := range []OffsetReset{resetTime, resetDuration} {
				got := Resume(Committed{Offset: -1, LeaderEpoch: -1}, tc.log, Reader{Identity: "t", Fingerprint: "f", Reset: reset, Fresh: true})
				if got.Offset != tc.want || !got.First || got.Reset != "" || got.Problem != nil {
					t.Errorf("%v: %+v, want a start at %d", reset, got, tc.want)
				}
			}
		})
	}
}

func TestOffsetReset(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		reset OffsetReset
		text  string
		since time.Time
		skips bool
	}{
		{OffsetReset{}, "earliest", time.Time{}, false},
		{ResetLatest, "latest", time.Time{}, true},
		{ResetHold, "hold", time.Time{}, false},
		{resetTime, "timestamp:2026-11-01T00:00:00Z", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), true},
		{resetDuration, "duration:24h0m0s", now.Add(-24 * time.Hour), true},
	} {
		if got := tc.reset.String(); got != tc.text {
			t.Errorf("%s is %s", tc.text, got)
		}
		if got := tc.reset.Since(now); !got.Equal(tc.since) {
			t.Errorf("%s is from %s on, want %s", tc.text, got, tc.since)
		}
		if got := tc.reset.Skips(); got != tc.skips {
			t.Errorf("%s skips: %t", tc.text, got)
		}
	}
}

func TestSameRouting(t *testing.T) {
	for _, tc := range []struct {
		name, old, now string
		want           bool
	}{
		{"nothing has changed", "0be63aad.100.400", "0be63aad.100.400", true},
		{"larger limits make no line a rejected record", "0be63aad.100.400", "0be63aad.101.500", true},
		{"a smaller line limit may reject what is still owed", "0be63aad.100.400", "0be63aad.99.400", false},
		{"a smaller fan-out limit may reject what is still owed", "0be63aad.100.400", "0be63aad.100.399", false},
		{"another routing", "0be63aad.100.400", "1be63aad.100.400", false},
		{"text of an earlier kind", "0be63aad", "0be63aad.100.400", false},
		{"limits that are no numbers", "0be63aad.x.400", "0be63aad.100.400", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := sameRouting(tc.old, tc.now); got != tc.want {
				t.Errorf("sameRouting(%q, %q) = %v, want %v", tc.old, tc.now, got, tc.want)
			}
		})
	}
}

// A committed offset beyond the end, of an epoch that is known, stays: the leader
// says at the first fetch where the histories part. What is owed stays too.
func TestResume_asksTheLeaderWhereHistoriesPart(t *testing.T) {
	r := Reader{Identity: Identity(ownTopic, "AbCdEfGh-A"), Fingerprint: "0be63aad.100.400"}
	c := Committed{Offset: 101, LeaderEpoch: 7, Metadata: metadataOf(t, "us", 101, r.Fingerprint)}
	got := Resume(c, Log{Begin: 50, End: 100, Stable: 90}, r)
	if got.Offset != 101 || got.Epoch != 7 || got.Reset != "" || got.Problem != nil || got.Frontier.Below != 101 {
		t.Errorf("start %+v", got)
	}
	// Where the offset was moved, the epoch beside it means nothing.
	c.Metadata = metadataOf(t, "us, and the offset was moved since", 101, r.Fingerprint)
	if got := Resume(c, Log{Begin: 50, End: 100, Stable: 90}, r); got.Reset != "beyond_end" || got.Offset != 50 || got.Epoch != -1 {
		t.Errorf("start after a move %+v", got)
	}
}

// A committed offset that is the first one of the log is in it: the leader epoch beside
// it still shows a log that was truncated.
func TestResume_atTheLogStart(t *testing.T) {
	r := Reader{Identity: Identity(ownTopic, "AbCdEfGh-A"), Fingerprint: "0be63aad.100.400"}
	c := Committed{Offset: 50, LeaderEpoch: 7, Metadata: metadataOf(t, "us", 50, r.Fingerprint)}
	if got := Resume(c, Log{Begin: 50, End: 100, Stable: 90}, r); got.Offset != 50 || got.Epoch != 7 || got.Frontier.Below != 80 {
		t.Errorf("start %+v", got)
	}
}
