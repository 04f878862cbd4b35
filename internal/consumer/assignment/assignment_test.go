package assignment

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/internal/wire"
)

// newAssignment owns one partition, which is open.
func newAssignment(t *testing.T) (*Assignment, *Partition) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	f := fetch.New(&fetch.Config{}, nil, nil, 1, func() {})
	tp := kafka.TopicPartition{Topic: "orders", Partition: 3}
	p := NewPartition(tp, wire.UUID{1}, &Schedule{})
	p.Ledger = ledger.New(0, ledger.Frontier{})
	s := New(&Generation{
		Process: &process.Process{Dependencies: process.Dependencies{Log: log, Metrics: report.NewMetrics(nil, 10)}, Faults: logging.NewFaultLog(log)},
		Fetcher: f,
	})
	s.Partitions[tp] = p
	s.Opened(p, f.Open(tp, p.TopicID, 0, 0, -1, 1, 1, true))
	return s, p
}

// TestAssignment_theFetcherFollows: whatever happens to a partition, in whatever order,
// it is asked for as long as its state says so, and not while a session drains.
func TestAssignment_theFetcherFollows(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 2))
	for range 300 {
		s, p := newAssignment(t)
		now, offset := time.UnixMilli(0), int64(0)
		var walk []string
		steps := map[string]func(){
			"await letters": func() { s.Await(p, AwaitsLetters) },
			"await marks":   func() { s.Await(p, AwaitsMarks) },
			"letters":       func() { s.Resume(AwaitsLetters) },
			"marks":         func() { s.Resume(AwaitsMarks) },
			"fail":          func() { s.Fail(p, errRead, false, rnd.IntN(2) == 0) },
			"mend":          func() { s.Mend(p) },
			"lose":          func() { s.Lose(p, kafka.CodeUnknownTopicID) },
			"found":         func() { s.Found(p, now) },
			"held out":      func() { s.HoldOut(p, errRange) },
			"fill": func() {
				for p.Ledger.Singles() < MaxSingles {
					_ = s.Tracked(p.Ledger.TrackSingle(ledger.DeadLetter, "", offset, 0, now))
					offset++
					p.Ledger.Advance(offset)
				}
				s.PauseOrResume(p)
			},
			"settle": func() {
				for node := range p.Ledger.All {
					s.SettleNode(p, node)
				}
				s.PauseOrResume(p)
			},
		}
		names := []string{"await letters", "await marks", "letters", "marks", "fail", "mend", "lose", "found", "fill", "settle", "held out"}
		for range 40 {
			name := names[rnd.IntN(len(names))]
			if name == "held out" && rnd.IntN(10) > 0 {
				continue // nothing follows it
			}
			walk = append(walk, name)
			steps[name]()
			if p.Cursor.Paused == s.Reads(p) {
				t.Fatalf("seed %d, after %v: the partition is %s for %d, and asked for: %t", seed, walk, p.State(), p.pause, !p.Cursor.Paused)
			}
			if want := p.pause != NoPause; s.paused[p] != want || len(s.paused) == 1 != want {
				t.Fatalf("seed %d, after %v: %d pauses are counted", seed, walk, len(s.paused))
			}
		}
		s.Mode = Draining
		steps["settle"]()
		steps["found"]()
		steps["mend"]()
		if walk = append(walk, "drain"); s.Reads(p) {
			t.Fatalf("seed %d, after %v: it is read", seed, walk)
		}
	}
}

// TestAssignment_whatIsLostStaysUnread, though dead letters of it are acknowledged.
func TestAssignment_whatIsLostStaysUnread(t *testing.T) {
	s, p := newAssignment(t)
	s.Await(p, AwaitsLetters)
	s.Lose(p, kafka.CodeUnknownTopicID)
	if s.Resume(AwaitsLetters); !p.Cursor.Paused {
		t.Error("a topic that is gone is asked for")
	}
	if s.Found(p, time.Now()); p.State() != Reading || p.Cursor.Paused {
		t.Errorf("it is %s once it is there, asked for: %t", p.State(), !p.Cursor.Paused)
	}
}

// TestAssignment_aPauseHasAReason that /status shows.
func TestAssignment_aPauseHasAReason(t *testing.T) {
	s, p := newAssignment(t)
	for _, why := range []Pause{AwaitsLetters, AwaitsMarks} {
		s.Await(p, why)
		if st := p.Status(time.Now()); st.State != "paused" || st.Error == nil || *st.Error != p.PauseReason() {
			t.Errorf("awaiting %d: %s", why, fmt.Sprint(st.State, st.Error))
		}
		s.Resume(why)
		if st := p.Status(time.Now()); st.State != "reading" || st.Error != nil {
			t.Errorf("afterwards: %s", fmt.Sprint(st.State, st.Error))
		}
	}
}
