package main

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/verify"
)

// newVerifyWorld is a check world with a topic of receipts and three committed
// records in users/1: two lines and one that becomes none.
func newVerifyWorld(t *testing.T) *checkWorld {
	t.Helper()
	w := newCheckWorld(t, kfake.SeedTopics(1, "receipts"))
	w.env["BRIDGE_RECEIPTS_TOPIC"], w.env["BRIDGE_DLQ_TOPIC"], w.env["BRIDGE_ON_INVALID"] = "receipts", "dead", "dlq"
	w.produce("users", 1, `{"id":"a"}`, "no JSON", `{"id":"b"}`)
	w.commit("users", 1, 3)
	return w
}

// receipted writes a receipt of lines of users/1.
func (w *checkWorld) receipted(id string, first, last int64, records int) {
	w.t.Helper()
	r := receipt.Receipt{RequestID: id, Namespace: "users", Records: records, StoredAt: time.Now(), Attempts: 1,
		Pieces: []receipt.Piece{{Topic: "users", Partition: 1, First: first, Last: last, Records: records}}}
	value, err := r.Encode()
	if err != nil {
		w.t.Fatal(err)
	}
	w.produceRecord(&kgo.Record{Topic: "receipts", Key: r.Key(), Value: value})
}

// deadLettered writes a dead letter of a record of users/1.
func (w *checkWorld) deadLettered(offset string) {
	w.t.Helper()
	header := func(name, value string) kgo.RecordHeader {
		return kgo.RecordHeader{Key: "bridge." + name, Value: []byte(value)}
	}
	w.produceRecord(&kgo.Record{Topic: "dead", Headers: []kgo.RecordHeader{
		header("reason", "not_json"), header("source.topic", "users"), header("source.partition", "1"), header("source.offset", offset),
	}})
}

func (w *checkWorld) produceRecord(r *kgo.Record) {
	w.t.Helper()
	if err := w.client().ProduceSync(w.t.Context(), r).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// TestVerify_exitCodes: 0 if every record is accounted for, 1 if not or if it
// cannot be found out, 2 for a mistake of whoever calls it.
func TestVerify_exitCodes(t *testing.T) {
	whole := func(w *checkWorld) { w.receipted("req_1", 0, 2, 2); w.deadLettered("1") }
	for _, tc := range []struct {
		name   string
		scene  func(w *checkWorld)
		args   []string
		env    map[string]string
		code   int
		stdout string // a part of it
		stderr string
	}{
		{"all is there", whole, nil, nil, 0, "\nok: every record is accounted for: 3 records, owed 3 times\n", ""},
		{"a line is missing", func(w *checkWorld) { w.receipted("req_1", 0, 0, 1); w.deadLettered("1") }, nil, nil, 1,
			"\nmissing: users/1@2: 1 lines of namespace users\n", ""},
		{"a dead letter is missing", func(w *checkWorld) { w.receipted("req_1", 0, 2, 2) }, nil, nil, 1,
			"\nmissing: users/1@1: 1 dead letters (not_json)\n", ""},
		{"there is no receipt", func(*checkWorld) {}, nil, nil, 1, "note: there is no receipt yet", ""},
		{"nothing is that young", func(*checkWorld) {}, []string{"-since", "2100-01-01T00:00:00Z"}, nil, 0, "owed 0 times\n", ""},
		{"all is an hour old", whole, []string{"-since", "1h"}, nil, 0, "owed 3 times\n", ""},
		{"since nothing", whole, []string{"-since", "yesterday"}, nil, 2, "", `-since wants a time such as 2026-11-01T00:00:00Z, or how long ago, such as 24h, not "yesterday"`},
		{"since a time to come", whole, []string{"-since", "-3h"}, nil, 2, "", "-since wants a time"},
		{"an argument", whole, []string{"users"}, nil, 2, "", `unexpected argument "users"`},
		{"no topic of receipts", whole, nil, map[string]string{"BRIDGE_RECEIPTS_TOPIC": ""}, 2, "", "BRIDGE_RECEIPTS_TOPIC: bridge verify needs it"},
		{"a topic of receipts that does not exist", whole, nil, map[string]string{"BRIDGE_RECEIPTS_TOPIC": "none"}, 1, "", "look for BRIDGE_RECEIPTS_TOPIC=none"},
		{"no topic that exists", whole, nil, map[string]string{"BRIDGE_KAFKA_TOPICS": "none"}, 1, "", "look for topics: none of [none] exists"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newVerifyWorld(t)
			tc.scene(w)
			code, out, errs := w.run(tc.env, append([]string{"verify"}, tc.args...)...)
			if code != tc.code || !strings.Contains(out, tc.stdout) || !strings.Contains(errs, tc.stderr) || tc.code < 2 && tc.stderr == "" && errs != "" {
				t.Errorf("exit code %d, want %d and %q%q; got\n%s%s", code, tc.code, tc.stdout, tc.stderr, out, errs)
			}
		})
	}
}

// TestVerify_json prints one object, whose fields have the names that are promised.
func TestVerify_json(t *testing.T) {
	w := newVerifyWorld(t)
	w.receipted("req_1", 0, 2, 2)
	w.receipted("req_2", 0, 0, 1)
	code, out, errs := w.run(nil, "verify", "-json")
	var got struct {
		Partitions []map[string]any
		Total      map[string]any
		Receipts   map[string]any
		Notes      []string
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 1 || errs != "" || strings.Count(out, "\n") != 1 || len(got.Partitions) != 1 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	for name, want := range map[string]float64{"records": 3, "deliveries": 3, "covered": 2, "dead_lettered": 0, "left_out": 0, "missing": 1, "unread": 0, "covered_twice": 1} {
		if got.Partitions[0][name] != want || got.Total[name] != want {
			t.Errorf("%s is %v, in all %v; want %v", name, got.Partitions[0][name], got.Total[name], want)
		}
	}
	if p := got.Partitions[0]; p["topic"] != "users" || p["partition"] != 1.0 || p["from"] != 0.0 || p["to"] != 3.0 || p["examples"] == nil {
		t.Errorf("the partition is %v", p)
	}
	if got.Receipts["read"] != 2.0 || !slices.ContainsFunc(got.Notes, func(n string) bool { return strings.Contains(n, "users/0 has no committed offset") }) {
		t.Errorf("receipts %v, notes %q", got.Receipts, got.Notes)
	}
}

// TestVerify_changesNothing: it joins no group, commits, creates and writes nothing.
func TestVerify_changesNothing(t *testing.T) {
	w := newVerifyWorld(t)
	state := func() (text string) {
		admin := kadm.NewClient(w.client())
		offsets, err := admin.FetchOffsets(t.Context(), "bridge")
		topics, err2 := admin.ListEndOffsets(t.Context())
		groups, err3 := admin.DescribeGroups(t.Context(), "bridge")
		if err != nil || err2 != nil || err3 != nil {
			t.Fatal(err, err2, err3)
		}
		out, err := json.Marshal([]any{offsets, topics, groups["bridge"].Members})
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	before := state()
	w.run(nil, "verify")
	w.run(map[string]string{"BRIDGE_RECEIPTS_TOPIC": "none"}, "verify")
	if after := state(); after != before {
		t.Errorf("before %s\nafter %s", before, after)
	}
}

// TestProgressLine is drawn now and then, and leaves nothing behind.
func TestProgressLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		l := &progressLine{out: &out}
		l.clear()
		for n := range int64(5) {
			l.draw(verify.Progress{Pass: 1, What: "receipts", Done: 100 * n})
			time.Sleep(redrawn / 2)
		}
		l.draw(verify.Progress{Pass: 2, What: "users", Done: 30, Total: 40})
		time.Sleep(redrawn)
		l.draw(verify.Progress{Pass: 2, What: "users", Done: 31, Total: 40})
		l.clear()
		want := []string{"", "pass 1: 0 records of receipts\r", "pass 1: 200 records of receipts\r", "pass 1: 400 records of receipts\r", "pass 2: 77 % of 40 records, in users\r", ""}
		if got := strings.Split(out.String(), clearLine); !slices.Equal(got, want) {
			t.Errorf("drawn were %q", got)
		}
	})
	file, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	l := newProgressLine(file)
	l.draw(verify.Progress{Pass: 1})
	l.clear()
	if info, err := file.Stat(); err != nil || info.Size() > 0 {
		t.Errorf("a file got %d bytes, %v", info.Size(), err)
	}
}
