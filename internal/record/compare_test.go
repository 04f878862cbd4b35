package record_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/record"
)

// build makes the mapper and the model for the same options.
func build(t testing.TB, o options) (*record.Mapper, model) {
	t.Helper()
	s := record.Settings{
		Namespace: namespaceSource(t, o.namespace), ID: idSource(t, o.id), IDNumbers: o.numbers,
		MaxLineBytes: o.maxLine, MaxFanoutBytes: o.maxFanout,
	}
	var err error
	if o.value != "" {
		if err := s.Value.UnmarshalText([]byte(o.value)); err != nil {
			t.Fatal(err)
		}
	}
	if s.Map, err = record.ParseNamespaceMap(o.mapping); err != nil {
		t.Fatal(err)
	}
	m := model{options: o, mapping: map[string][]string{}, allowed: func(string) bool { return true }}
	for entry := range strings.SplitSeq(o.mapping, ",") {
		if from, to, ok := strings.Cut(entry, "="); ok {
			m.mapping[from] = strings.Split(to, "+")
		}
	}
	if o.allow != "" {
		s.Allow = regexp.MustCompile(o.allow)
		m.allowed = regexp.MustCompile(`^(?:` + o.allow + `)$`).MatchString
	}
	mapper, err := record.NewMapper(s)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	return mapper, m
}

// compare checks one record against the model and the properties of any line.
func compare(t testing.TB, w *record.Worker, m model, in *record.Input) {
	t.Helper()
	value := bytes.Clone(in.Value)
	dst := []byte("before")
	line, out, rej := w.Line(dst, in)
	got := outcome{line: string(line.Bytes), namespaces: line.Namespaces}
	if rej != nil {
		got.reason = rej.Reason.String()
		checkDetail(t, rej, in)
	}
	want := m.outcome(in)
	if got.String() != want.String() && !bothTooFar(m, got, want) {
		t.Fatalf("options %+v\nvalue %q key %q headers %q\n got %v (%+v)\nwant %v", m.options, value, in.Key, in.Headers, got, rej, want)
	}
	if !bytes.Equal(value, in.Value) || !bytes.HasPrefix(out, dst) {
		t.Fatalf("value %q: memory of the caller has changed: %q, %q", value, in.Value, out)
	}
	if rej != nil && (len(out) != len(dst) || line.Bytes != nil || line.Namespaces != nil) {
		t.Fatalf("value %q: rejected, but %q and %q remain", value, out, line.Bytes)
	}
	if rej == nil {
		checkLine(t, line.Bytes)
	}
}

// bothTooFar allows for a list that is too long and also holds a bad namespace:
// either may be found first.
func bothTooFar(m model, got, want outcome) bool {
	return m.options.maxFanout > 0 && got.reason == "too_large" && want.reason == "bad_namespace"
}

func checkLine(t testing.TB, line []byte) {
	t.Helper()
	object := bytes.Trim(line, " \t")
	if object[0] != '{' || object[len(object)-1] != '}' || hasRawNewline(line) || !json.Valid(line) {
		t.Fatalf("no line of JSONL: %q", line)
	}
	var id any
	if err := json.Unmarshal(field(line, "id"), &id); err != nil {
		t.Fatalf("line %q: id: %v", line, err)
	}
	if text, ok := id.(string); !ok || text == "" {
		t.Fatalf("line %q: id is %v", line, id)
	}
}

var detailPosition = regexp.MustCompile(`, at byte ([0-9]+)$`)

// checkDetail looks for pieces of the record in the detail. Records of these
// tests mark their secret content with "SECRET".
func checkDetail(t testing.TB, rej *record.Rejection, in *record.Input) {
	t.Helper()
	if rej.Detail == "" || len(rej.Detail) > 200 || strings.Contains(rej.Detail, "SECRET") {
		t.Fatalf("value %q: detail %q", in.Value, rej.Detail)
	}
	if rej.Reason != record.NotJSON {
		return
	}
	match := detailPosition.FindStringSubmatch(rej.Detail)
	if match == nil || must(strconv.Atoi(match[1])) > len(in.Value) {
		t.Fatalf("value %q: detail %q names no byte of it", in.Value, rej.Detail)
	}
}

// optionSets are the settings that random and fuzzed records go through.
func optionSets() []options {
	return []options{
		{namespace: "field:ns", id: "field:id"},
		{namespace: "field:ns", id: "field:id", numbers: true},
		{namespace: "field:a.ns", id: "field:a.id", mapping: "x=y+z,y=x,z=z+y", numbers: true},
		{namespace: "field:id", id: "field:id", mapping: "*=other", maxLine: 40},
		{namespace: "field:a.b.c", id: "field:a.b", allow: "x|y"},
		{namespace: "field:ns", id: "key", maxFanout: 60},
		{namespace: "header:h", id: "header:i", mapping: "x=x+y", allow: "[xy]"},
		{namespace: "key", id: "offset", maxLine: 60, maxFanout: 100},
		{namespace: "topic", id: "header:h", mapping: "topic=one+two"},
		{namespace: "static:only", id: "field:ns", numbers: true},
		{value: "field:a", namespace: "field:/ns", id: "field:id", numbers: true},
		{value: "field:a", namespace: "field:ns", id: "key", maxLine: 40},
		{value: "field:a.b", namespace: "field:/a.ns", id: "field:/id", numbers: true},
		{value: "field:/a", namespace: "topic", id: "field:/a.id", mapping: "topic=one+two", maxFanout: 60},
		{value: "field:id", namespace: "key", id: "field:id"},
		{value: "whole", namespace: "field:/ns", id: "field:/id"},
	}
}

// TestWorker_agreesWithModel draws records that often hold the watched keys, for
// either walk.
func TestWorker_agreesWithModel(t *testing.T) {
	t.Run("by the processor's walk", agreesWithModel)
	t.Run("byte by byte", func(t *testing.T) {
		defer record.WalkOnly()()
		agreesWithModel(t)
	})
}

func agreesWithModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("RECORD_SEED"); s != "" {
		seed = must(strconv.ParseUint(s, 10, 64))
	}
	t.Logf("RECORD_SEED=%d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	reasons := map[string]int{}
	for _, o := range optionSets() {
		mapper, m := build(t, o)
		w := mapper.Worker()
		for range 4000 {
			in := randomInput(rnd)
			reasons[m.outcome(in).reason]++
			compare(t, w, m, in)
		}
	}
	for _, r := range append(record.Reasons(), 255) {
		if r == record.NotDecodable || r > record.Tombstone && r != 255 {
			continue // found before a record comes here
		}
		name := strings.TrimPrefix(r.String(), "unknown")
		if reasons[name] < 50 {
			t.Errorf("reason %q was drawn %d times only", name, reasons[name])
		}
	}
}

func randomInput(rnd *rand.Rand) *record.Input {
	in := &record.Input{Topic: pick(rnd, "topic", "other", "bad.topic"), Partition: rnd.Int32N(3), Offset: rnd.Int64N(1000)}
	in.Headers = headers{{"h", randomText(rnd)}, {"i", randomText(rnd)}, {"h", randomText(rnd)}}[rnd.IntN(4):]
	if rnd.IntN(5) > 0 {
		in.Key = []byte(randomText(rnd))
	}
	if rnd.IntN(50) == 0 {
		return in
	}
	g := generator{rnd: rnd, space: pick(rnd, "", "", " ", " \t", " \n", "\r\n")}
	in.Value = append(in.Value, g.gap()+g.object(0)+g.gap()...)
	if rnd.IntN(6) == 0 { // damage it
		i := rnd.IntN(len(in.Value))
		junk := pick(rnd, "", "\x00", "\xff", `"`, "{", "}", ",", "\\", "\n", "SECRET", "\xed\xa0\x80")
		in.Value = slices.Replace(in.Value, i, min(i+rnd.IntN(3), len(in.Value)), []byte(junk)...)
	}
	return in
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

func randomText(rnd *rand.Rand) string {
	return pick(rnd, "x", "y", "z", "x,y", " x , z,x ", "x,,y", "", " ", "\xff", "SECRET\n\"\\", "x", "é\x00")
}

// generator writes random JSON with a taste for the watched keys.
type generator struct {
	rnd   *rand.Rand
	space string
}

func (g generator) gap() string { return g.space[:g.rnd.IntN(len(g.space)+1)] }

func (g generator) object(depth int) string {
	var parts []string
	for range g.rnd.IntN(5) {
		key := pick(g.rnd, `"id"`, `"ns"`, `"a"`, `"b"`, `"c"`, `"\u0069d"`, `"n\u0073"`, `"i\\d"`, `""`, `"é"`)
		value := g.value(depth + 1)
		if (key == `"a"` || key == `"b"`) && depth < 4 && g.rnd.IntN(2) == 0 {
			value = g.object(depth + 1)
		}
		parts = append(parts, g.gap()+key+g.gap()+":"+g.gap()+value+g.gap())
	}
	return "{" + strings.Join(parts, ",") + g.gap() + "}"
}

func (g generator) value(depth int) string {
	switch n := g.rnd.IntN(10); {
	case n < 4:
		return pick(g.rnd, `"x"`, `"y"`, `"\u0078"`, `"z"`, `""`, `"a b\"c\\"`, `"\ud83d\ude00\ud800"`, `"SECRETé日😀 text that is longer than eight"`)
	case n < 6:
		return pick(g.rnd, "0", "-0.50", "12E+3", "1e400", "123456789012345678901234567890", "true", "false", "null")
	case depth > 4:
		return `[ ]`
	case n < 8:
		var parts []string
		for range g.rnd.IntN(4) {
			parts = append(parts, g.gap()+g.value(depth+1)+g.gap())
		}
		return "[" + strings.Join(parts, ",") + g.gap() + "]"
	default:
		return g.object(depth)
	}
}

// FuzzWorker_agreesWithModel puts any bytes through every option set.
func FuzzWorker_agreesWithModel(f *testing.F) {
	for _, tc := range append(validValues(), invalidValues()...) {
		if len(tc.value) < 1000 { // mutants of long ones are slow
			f.Add([]byte(tc.value), []byte("key"), "x,y")
		}
	}
	f.Add([]byte(`{"a":{"ns":["x","\u0079"],"id":7},"a":{"id":"\ud800"}}`), []byte("\xff"), " x , y")
	f.Add([]byte(" \t{\"id\": \"k\", \"ns\":\"x\"} "), []byte("k"), "k")
	f.Add([]byte("{\"id\": \"k\", \"ns\":\"x\"} \r"), []byte("x"), "x")
	f.Add([]byte("{\"id\":{\"b\" :\n1},\"id\":[ ],\"ns\":\"x\"}\r\n"), []byte("k\"\x00"), "")
	type side struct {
		mapper *record.Mapper
		model  model
	}
	var sides []side
	for _, o := range optionSets() {
		mapper, m := build(f, o)
		sides = append(sides, side{mapper, m})
	}
	f.Fuzz(func(t *testing.T, value, key []byte, header string) {
		in := &record.Input{Topic: "topic", Offset: 12, Key: key, Value: value, Headers: headers{{"h", header}, {"i", header}}}
		for _, s := range sides {
			compare(t, s.mapper.Worker(), s.model, in)
		}
	})
}

// TestWorker_lineIsStable: a line that becomes a record again is stored as it is.
func TestWorker_lineIsStable(t *testing.T) {
	mapper, _ := build(t, options{namespace: "static:n", id: "key"})
	w, rnd := mapper.Worker(), rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 5000 {
		in := randomInput(rnd)
		first, _, rej := w.Line(nil, in)
		if rej != nil {
			continue
		}
		accepted++
		again := *in
		again.Value = bytes.Clone(first.Bytes)
		second, out, rej := w.Line(nil, &again)
		if rej != nil || !bytes.Equal(first.Bytes, again.Value) || string(second.Bytes) != string(again.Value) || len(out) > 0 {
			t.Fatalf("line %q of %q became %q, %s", again.Value, in.Value, second.Bytes, fmt.Sprint(rej))
		}
	}
	if accepted < 1000 {
		t.Fatalf("only %d records were accepted", accepted)
	}
}
