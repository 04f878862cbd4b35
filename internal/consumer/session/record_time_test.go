package session

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// oddTimes are timestamps that producers write, and Kafka before 4.0 takes.
func oddTimes(now time.Time) map[string]int64 {
	return map[string]int64{
		"not set": -1, "zero": 0, "negative": -1 << 40, "the smallest": math.MinInt64, "the largest": math.MaxInt64,
		"seconds": now.Unix(), "microseconds": now.UnixMicro(), "nanoseconds": now.UnixNano(), "to come": now.AddDate(50, 0, 0).UnixMilli(),
	}
}

// What is told of records with odd timestamps can be told, and is their age since
// they arrived: while they wait, as dead letters, held, and once they are stored.
func TestSession_oddTimestamps(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when each bubble begins
	for name, timestamp := range oddTimes(now) {
		t.Run(name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = only("waits", overloaded)
				odd := func(rec recordbatch.Record) recordbatch.Record {
					rec.Timestamp = &timestamp
					return rec
				}
				r.feed(0, odd(recordbatch.InNS(0, "waits")), odd(recordbatch.Record{Offset: 1, Value: []byte("no JSON")}), odd(recordbatch.InNS(2, "waits")))
				r.after(30 * time.Second)
				r.tellsAge(30 * time.Second)
				for _, h := range r.letters.taken[0].Headers {
					if h.Name != "bridge.source.timestamp" {
						continue
					}
					at, err := time.Parse(time.RFC3339, string(h.Value))
					if text := string(h.Value); text != strconv.FormatInt(timestamp, 10) && (err != nil || at.UnixMilli() != timestamp) {
						t.Errorf("%s is %q, want the record's own time %d", h.Name, text, timestamp)
					}
				}
				r.api.create = nil
				r.after(time.Minute)
				r.stored("waits", 0, 2)
				if seconds := r.metric("bridge_record_delivery_seconds", ""); seconds < 30 || seconds > 100 {
					t.Errorf("delivered within %g s", seconds)
				}
			}, func(c *process.Config) { c.OnInvalid = record.DeadLetter })
		})
	}
}

// A held record ages too, and one that waits for the dead-letter topic.
func TestSession_oddTimestampOfAHeldRecord(t *testing.T) {
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, timestamp := range oddTimes(now) {
		for _, policy := range []record.Policy{record.Hold, record.DeadLetter} {
			t.Run(fmt.Sprintf("%s, %s", name, policy), func(t *testing.T) {
				inSession(t, func(r *sessionRig) {
					r.letters.write = func(*letters.Letter) error { return errAway }
					r.feed(0, recordbatch.Record{Offset: 0, Value: []byte("no JSON"), Timestamp: &timestamp})
					r.after(time.Minute)
					r.tellsAge(time.Minute)
				}, func(c *process.Config) { c.OnInvalid = policy })
			})
		}
	}
}

// tellsAge wants a status that can be written, with the age of partition 0's
// oldest record.
func (r *sessionRig) tellsAge(age time.Duration) {
	r.t.Helper()
	st := r.status()
	text, err := json.Marshal(st)
	if err != nil {
		r.t.Fatalf("the status cannot be written: %v", err)
	}
	if got := st.Partitions[0].LagSeconds; math.Abs(got-age.Seconds()) > 1 {
		r.t.Errorf("lag of %g s, want %s", got, age)
	}
	for _, n := range st.Namespaces {
		if n.OldestRecordAt != nil && !n.OldestRecordAt.Equal(time.Now().Add(-age)) {
			r.t.Errorf("the oldest record of %s is of %s", n.Name, n.OldestRecordAt)
		}
	}
	if strings.Contains(string(text), `"1970`) {
		r.t.Errorf("the status tells of 1970: %s", text)
	}
}
