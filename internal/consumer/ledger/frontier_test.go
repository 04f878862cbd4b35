package ledger

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var about = Metadata{TopicID: "t", Fingerprint: "f"}

func singles(offsets ...int64) (whole []Span) {
	for _, o := range offsets {
		whole = append(whole, Span{o, o})
	}
	return whole
}

func encode(t *testing.T, p *Partition, limit int) (Metadata, int) {
	t.Helper()
	text, omitted := p.Encode(about, limit)
	if len(text) > limit {
		t.Errorf("%d characters, limit %d", len(text), limit)
	}
	m, err := Decode(text)
	if err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	return m, omitted
}

func TestEncode_readable(t *testing.T) {
	p := New(1000, Frontier{})
	lines(t, p, "slow", 1010, 1300)
	lines(t, p, "slow", 1301)
	lines(t, p, "held", 1046)
	record(t, p, HeldRecord, 1036)
	record(t, p, DeadLetter, 1072)
	p.Advance(2306)
	text, omitted := p.Encode(Metadata{TopicID: "id", Fingerprint: "fp", Born: 36}, MaxMetadata)
	// Distances in base 36: 2306-1010=1296, 1046-1010=36, 1036-1010=26, 1072-1036=36.
	if want := "kib3;id;1010;fp;10;100;slow:0,held:10;q,10;"; text != want || omitted != 0 {
		t.Errorf("text %q, %d omitted; want %q", text, omitted, want)
	}
}

// A new owner that commits before it has read anything forgets nothing, and
// neither do the owners after it.
func TestEncode_handOversBeforeTheFrontierIsPassed(t *testing.T) {
	want := Frontier{Below: 90, Except: map[string]int64{"a": 20, "b": 70}, Whole: singles(10, 40, 80)}
	p := New(10, want)
	for range 3 {
		m, _ := encode(t, p, MaxMetadata)
		if !reflect.DeepEqual(m.Frontier, want) {
			t.Fatalf("frontier %+v, want %+v", m.Frontier, want)
		}
		p = New(m.Committed, m.Frontier)
	}
	held := record(t, p, HeldRecord, 10)
	p.Advance(45) // "a" was stored on the way, 40 was left out by the operator
	m, _ := encode(t, p, MaxMetadata)
	want = Frontier{Below: 90, Except: map[string]int64{"a": 45, "b": 70}, Whole: singles(10, 80)}
	if m.Committed != 10 || !reflect.DeepEqual(m.Frontier, want) {
		t.Errorf("halfway: %+v, want %+v beside 10", m, want)
	}
	settle(t, held)
	p.Advance(90)
	if m, _ = encode(t, p, MaxMetadata); m.Committed != 90 || m.Frontier.Below != 90 || len(m.Frontier.Except)+len(m.Frontier.Whole) != 0 {
		t.Errorf("passed: %+v", m)
	}
}

// A batch that overtook another one of its namespace is not sent again, neither
// by the next owner nor by the one after it.
func TestEncode_linesDoneAhead(t *testing.T) {
	p := New(10, Frontier{})
	lines(t, p, "a", 10, 12)
	settle(t, lines(t, p, "b", 11))
	first, second := lines(t, p, "a", 20, 25), lines(t, p, "a", 27, 30)
	lines(t, p, "a", 40, 44)
	third := lines(t, p, "a", 46, 49)
	p.Advance(50)
	settle(t, second, first)
	want := Frontier{Below: 50, Except: map[string]int64{"a": 10}, Ahead: map[string][]Span{"a": {{20, 30}}}}
	if m, omitted := encode(t, p, MaxMetadata); !reflect.DeepEqual(m.Frontier, want) || omitted != 0 {
		t.Errorf("%+v, %d omitted, want %+v", m.Frontier, omitted, want)
	}
	settle(t, third)
	text, _ := p.Encode(Metadata{TopicID: "id", Fingerprint: "fp"}, MaxMetadata)
	if want := "kib3;id;10;fp;0;14;a:0;;a:a.a.g.3"; text != want {
		t.Errorf("text %q, want %q", text, want)
	}
	want.Ahead["a"] = []Span{{20, 30}, {46, 49}}
	for range 2 {
		m, _ := encode(t, p, MaxMetadata)
		if !reflect.DeepEqual(m.Frontier, want) {
			t.Fatalf("frontier %+v, want %+v", m.Frontier, want)
		}
		p = New(m.Committed, m.Frontier)
		for o := int64(10); o < 50; o++ {
			if got, want := p.Done("a", o), o >= 20 && o <= 30 || o >= 46; got != want {
				t.Errorf("done(%d) is %t", o, got)
			}
		}
		lines(t, p, "a", 10, 12)
		p.Advance(35)
	}
	// What does not fit is told.
	for limit := range 60 {
		if m, omitted := encode(t, p, 40+limit); (omitted == 0) != (len(m.Frontier.Ahead["a"]) == 2) {
			t.Errorf("limit %d: %+v, %d omitted", 40+limit, m.Frontier, omitted)
		}
	}
}

func TestPartition_droppedLinesAreNotDone(t *testing.T) {
	p := New(0, Frontier{})
	mark, dropped, flying := lines(t, p, "a", 0, 9), lines(t, p, "a", 10, 19), lines(t, p, "a", 20, 29)
	p.Become(mark, Shed)
	p.Advance(30)
	if p.Last(mark) || !p.Last(flying) {
		t.Error("the mark counts as the last node")
	}
	if err := p.Drop(dropped); err != nil {
		t.Fatal(err)
	}
	settle(t, flying)
	for o := range int64(30) {
		if got := p.Overtaken("a", o); got != (o >= 20) {
			t.Errorf("overtaken(%d) is %t", o, got)
		}
	}
	if !p.Last(mark) || p.Drop(dropped) == nil {
		t.Error("the dropped node is still there")
	}
}

// A line of a record that an earlier owner held has a node of its own, which is in
// memory like those of the namespace's other lines.
func TestPartition_lastAwaitsReleasedRecords(t *testing.T) {
	p := New(0, Frontier{Below: 30, Whole: singles(5, 15, 20)})
	released := func(namespace string, offset int64) *Node {
		n, err := p.TrackSingle(Batch, namespace, offset, 0, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	mark := lines(t, p, "a", 10)
	p.Become(mark, Shed)
	before, other, behind := released("a", 5), released("b", 15), released("a", 20)
	for _, step := range []struct {
		ends *Node
		last bool
	}{{other, false}, {behind, true}, {before, true}} {
		if settle(t, step.ends); p.Last(mark) != step.last {
			t.Errorf("with the line of %s at %d done: nothing behind the mark is in memory: %t", step.ends.Namespace, step.ends.First, !step.last)
		}
	}
}

// A shed node stands for the lines between two finished batches too: they were
// read and dropped, so that neither a node nor the frontier knows of them.
func TestPartition_spansDoNotJoinOverAShedNode(t *testing.T) {
	p := New(0, Frontier{})
	mark, first, second := lines(t, p, "a", 0, 2), lines(t, p, "a", 10, 12), lines(t, p, "a", 20, 22)
	p.Become(mark, Shed)
	p.Advance(30)
	settle(t, first)
	settle(t, second)
	m, _ := encode(t, p, MaxMetadata)
	next := New(m.Committed, m.Frontier)
	for o := int64(0); o < 30; o++ {
		want := o >= 10 && o <= 12 || o >= 20 && o <= 22
		if p.Overtaken("a", o) != want || next.Done("a", o) != want {
			t.Errorf("line %d: overtaken is %t, done for the next owner is %t, want %t", o, p.Overtaken("a", o), next.Done("a", o), want)
		}
	}
}

// A batch that is finished ahead joins nothing over one that is not.
func TestPartition_spansDoNotJoinOverAnUnfinishedBatch(t *testing.T) {
	for name, order := range map[string][]int{"from the end": {3, 1}, "from the front": {1, 3}} {
		t.Run(name, func(t *testing.T) {
			p := New(0, Frontier{})
			nodes := []*Node{lines(t, p, "a", 0, 2), lines(t, p, "a", 10, 12), lines(t, p, "a", 20, 22), lines(t, p, "a", 30, 32)}
			p.Advance(40)
			for _, i := range order {
				settle(t, nodes[i])
			}
			// Between two batches lies no line of the namespace: spans may reach up to the next.
			for _, o := range []int64{0, 2, 20, 22} {
				if p.Overtaken("a", o) {
					t.Errorf("line %d counts as done", o)
				}
			}
			for _, o := range []int64{10, 12, 30, 32} {
				if !p.Overtaken("a", o) {
					t.Errorf("line %d does not count as done", o)
				}
			}
		})
	}
}

// Where batches lie over each other it is not known which lines are whose.
func TestPartition_batchesThatOverlapAreNotDoneAhead(t *testing.T) {
	p := New(0, Frontier{})
	_, wide, narrow := lines(t, p, "a", 0, 2), lines(t, p, "a", 10, 30), lines(t, p, "a", 20, 22)
	p.Advance(40)
	settle(t, narrow)
	if p.Overtaken("a", 21) {
		t.Error("a line counts as done that an unfinished batch may hold")
	}
	settle(t, wide)
	if !p.Overtaken("a", 21) {
		t.Error("a line does not count as done though both batches are")
	}
}

// A released record whose node other nodes stand for is not done by that.
func TestPartition_droppedRecordsAreNotDone(t *testing.T) {
	for _, done := range []bool{true, false} {
		p := New(0, Frontier{})
		lines(t, p, "a", 0, 2)
		released, err := p.TrackSingle(Batch, "a", 15, 0, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		p.Advance(30)
		end := p.Drop
		if done {
			end = p.Settle
		}
		if err := end(released); err != nil {
			t.Fatal(err)
		}
		if p.Overtaken("a", 15) != done {
			t.Errorf("settled is %t, overtaken is %t", done, !done)
		}
	}
}

// A mark that has been moved into lines that are done owes what follows them.
func TestEncode_aMarkInsideWhatIsDoneAhead(t *testing.T) {
	p := New(0, Frontier{})
	mark, done := lines(t, p, "a", 0, 2), lines(t, p, "a", 10, 12)
	p.Become(mark, Shed)
	p.Advance(30)
	settle(t, done)
	if err := p.Shift(mark, 11, 0); err != nil {
		t.Fatal(err)
	}
	m, _ := encode(t, p, MaxMetadata)
	next := New(m.Committed, m.Frontier)
	for o := int64(11); o < 30; o++ {
		if want := o <= 12; next.Done("a", o) != want {
			t.Errorf("line %d is done for the next owner: %t", o, !want)
		}
	}
}

// What is remembered of one namespace is bounded: the rest is stored again.
func TestPartition_spansAreBounded(t *testing.T) {
	p := New(0, Frontier{})
	p.Become(lines(t, p, "a", 0, 2), Shed)
	for i := range int64(2 * maxSpans) {
		n := lines(t, p, "a", 10*i+10, 10*i+12)
		p.Advance(10*i + 20)
		settle(t, n)
	}
	for i := range int64(2 * maxSpans) {
		if got := p.Overtaken("a", 10*i+10); got != (i < maxSpans) {
			t.Fatalf("the batch %d counts as done: %t", i, got)
		}
	}
}

func TestEncode_nodesAheadOfThePosition(t *testing.T) {
	p := New(10, Frontier{Below: 90, Except: map[string]int64{"a": 12, "b": 20}, Whole: singles(30, 50)})
	lines(t, p, "a", 35)
	record(t, p, HeldRecord, 40)
	record(t, p, HeldRecord, 50)
	m, _ := encode(t, p, MaxMetadata)
	if want := (Frontier{Below: 90, Except: map[string]int64{"a": 12, "b": 20}, Whole: singles(30, 40, 50)}); !reflect.DeepEqual(m.Frontier, want) {
		t.Errorf("frontier %+v, want %+v", m.Frontier, want)
	}
}

func TestEncode_whatDoesNotFitLowersBelow(t *testing.T) {
	except := map[string]int64{"elsewhere": 4000}
	for i := range int64(100) {
		except[fmt.Sprintf("namespace-%03d", i)] = 10 * i
	}
	p := New(0, Frontier{Below: 5000, Except: except})
	for i := range int64(100) {
		lines(t, p, fmt.Sprintf("namespace-%03d", i), 10*i)
	}
	p.Advance(2000)
	for limit := 40; limit <= 2000; limit++ {
		m, omitted := encode(t, p, limit)
		n := len(m.Frontier.Except)
		switch {
		case n == 101 && (omitted != 0 || m.Frontier.Below != 5000):
			t.Fatalf("limit %d: all fit, %d omitted, below %d", limit, omitted, m.Frontier.Below)
		case n < 101 && omitted != 101-n:
			t.Fatalf("limit %d: %d fit, %d omitted", limit, n, omitted)
		case n < 100 && m.Frontier.Below != int64(10*n):
			t.Fatalf("limit %d: %d fit, below %d", limit, n, m.Frontier.Below)
		case n == 100 && m.Frontier.Below != 4000:
			t.Fatalf("limit %d: only the inherited one is left out, below %d", limit, m.Frontier.Below)
		}
	}
	if m, omitted := encode(t, p, 2000); omitted != 0 {
		t.Errorf("%d omitted: %+v", omitted, m)
	}
}

// An exception behind what is known to be done does not fit: the text must not
// say that more is done.
func TestEncode_exceptionBeyondBelow(t *testing.T) {
	p := New(0, Frontier{Below: 5, Except: map[string]int64{"namespace": 8}})
	for limit := 35; limit < 60; limit++ {
		if m, omitted := encode(t, p, limit); m.Frontier.Below > 5 || m.Frontier.Except["namespace"] == 0 && omitted != 1 {
			t.Errorf("limit %d: %+v, %d omitted", limit, m.Frontier, omitted)
		}
	}
}

// A broker may take fewer characters than the first fields have.
func TestEncode_noRoomAtAll(t *testing.T) {
	idle := New(5, Frontier{})
	busy := New(5, Frontier{})
	record(t, busy, HeldRecord, 5)
	busy.Advance(9)
	heir := New(5, Frontier{Below: 9})
	for limit := -1; limit < 25; limit++ {
		for _, c := range []struct {
			p    *Partition
			want int
		}{{idle, 0}, {busy, 1}, {heir, 1}} {
			if text, omitted := c.p.Encode(about, limit); text != "" || omitted != c.want {
				t.Errorf("limit %d: %q, %d omitted, want %d", limit, text, omitted, c.want)
			}
		}
	}
}

func TestEncode_allocatesTheTextOnly(t *testing.T) {
	p := crowd(1000, 200)
	if n := testing.AllocsPerRun(100, func() { p.Encode(about, MaxMetadata) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func TestRerouted(t *testing.T) {
	none := map[string]int64{}
	for _, c := range []struct {
		name     string
		in, want Frontier
	}{
		{"nothing owed", Frontier{Below: 9}, Frontier{Below: 9, Except: none}},
		{"the first exception ends what is done",
			Frontier{Below: 90, Except: map[string]int64{"a": 30, "b": 20}, Whole: singles(5, 19, 20, 40)},
			Frontier{Below: 20, Except: none, Whole: singles(5, 19)}},
		{"held records stay", Frontier{Below: 90, Whole: singles(5, 89)}, Frontier{Below: 90, Except: none, Whole: singles(5, 89)}},
		{"a range stays as far as it is below",
			Frontier{Below: 90, Except: map[string]int64{"a": 30}, Whole: []Span{{5, 20}, {25, 60}, {70, 80}}},
			Frontier{Below: 30, Except: none, Whole: []Span{{5, 20}, {25, 29}}}},
	} {
		before := Frontier{Below: c.in.Below, Except: maps.Clone(c.in.Except), Whole: slices.Clone(c.in.Whole)}
		if got := c.in.Rerouted(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if !reflect.DeepEqual(c.in, before) {
			t.Errorf("%s: the original became %+v", c.name, c.in)
		}
	}
}

// A range that was never read is one entry, and stays one for the owners that
// hold it too; those that can read it owe what is left of it.
func TestEncode_range(t *testing.T) {
	p := New(1000, Frontier{})
	record(t, p, HeldRecord, 1000)
	heldRange(t, p, 1010, 1045)
	record(t, p, HeldRecord, 1046)
	lines(t, p, "a", 1050)
	p.Advance(1060)
	text, omitted := p.Encode(Metadata{TopicID: "id", Fingerprint: "fp"}, MaxMetadata)
	if want := "kib3;id;1000;fp;0;1o;a:1e;0,a.z,1;"; text != want || omitted != 0 {
		t.Errorf("text %q, %d omitted; want %q", text, omitted, want)
	}
	want := Frontier{Below: 1060, Except: map[string]int64{"a": 1050}, Whole: []Span{{1000, 1000}, {1010, 1045}, {1046, 1046}}}
	for range 2 {
		m, _ := encode(t, p, MaxMetadata)
		if !reflect.DeepEqual(m.Frontier, want) {
			t.Fatalf("frontier %+v, want %+v", m.Frontier, want)
		}
		p = New(m.Committed, m.Frontier)
	}
	for o, done := range map[int64]bool{1009: true, 1010: false, 1030: false, 1045: false, 1046: false, 1047: true} {
		if p.Done("a", o) != done || p.RecordDone(o) != done || p.Released(o) != (o == 1046) {
			t.Errorf("record %d: done %t %t, released %t", o, p.Done("a", o), p.RecordDone(o), p.Released(o))
		}
	}
	// There is a buffer that takes it now.
	p.Advance(1010)
	settle(t, lines(t, p, "b", 1010, 1019))
	second := lines(t, p, "b", 1020, 1025)
	p.Advance(1030)
	want = Frontier{Below: 1060, Except: map[string]int64{"a": 1050, "b": 1020}, Whole: []Span{{1030, 1045}, {1046, 1046}},
		Ahead: map[string][]Span{"b": {{1047, 1059}}}}
	if m, _ := encode(t, p, MaxMetadata); m.Committed != 1020 || !reflect.DeepEqual(m.Frontier, want) {
		t.Errorf("halfway: %+v beside %d, want %+v", m.Frontier, m.Committed, want)
	}
	settle(t, second)
	p.Advance(1044)
	want = Frontier{Below: 1060, Except: map[string]int64{"a": 1050}, Whole: []Span{{1044, 1045}, {1046, 1046}}}
	if m, _ := encode(t, p, MaxMetadata); m.Committed != 1044 || !reflect.DeepEqual(m.Frontier, want) {
		t.Errorf("near its end: %+v beside %d, want %+v", m.Frontier, m.Committed, want)
	}
}

func TestDecode_foreignText(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                     "",
		"somebody else's":             "consumer-1",
		"a later version":             "kib4;t;5;f;0;1;;",
		"ranges without their field":  "kib3;t;5;f;0;9;;1.2",
		"a range of one record":       "kib3;t;5;f;0;9;;1.0;",
		"a range that ends early":     "kib3;t;5;f;0;9;;1.-1;",
		"a range without an end":      "kib3;t;5;f;0;9;;1.;",
		"a range past the last one":   "kib3;t;5;f;0;9;;1.1y2p0ij32e8e7;",
		"a record inside of a range":  "kib3;t;5;f;0;9;;1.2,0;",
		"a field too few":             "kib1;t;5;f;0;1;",
		"a field too many":            "kib1;t;5;f;0;1;;;",
		"no committed offset":         "kib1;t;;f;0;1;;",
		"a negative offset":           "kib1;t;-5;f;0;9;;",
		"an offset too large":         "kib1;t;9223372036854775808;f;0;9;;",
		"below the committed offset":  "kib1;t;5;f;0;-1;;",
		"below past the end":          "kib1;t;9223372036854775807;f;0;1;;",
		"no generation":               "kib1;t;5;f;;1;;",
		"a generation too large":      "kib1;t;5;f;zzzzzzzz;1;;",
		"no distance":                 "kib1;t;5;f;0;1;a;",
		"a nameless namespace":        "kib1;t;5;f;0;1;:1;",
		"a namespace twice":           "kib1;t;5;f;0;9;a:1,a:5;",
		"an exception before it":      "kib1;t;5;f;0;9;a:-1;",
		"an empty exception":          "kib1;t;5;f;0;9;a:1,,b:1;",
		"a record twice":              "kib1;t;5;f;0;9;;1,0",
		"records in the wrong order":  "kib1;t;5;f;0;9;;5,-1",
		"ahead of nothing":            "kib2;t;5;f;0;9;a:1;;b:1.1",
		"ahead of itself":             "kib2;t;5;f;0;9;a:1;;a:0.1",
		"ahead twice":                 "kib2;t;5;f;0;9;a:1;;a:1.1,a:4.1",
		"half a run ahead":            "kib2;t;5;f;0;9;a:1;;a:1",
		"a run ahead that ends early": "kib2;t;5;f;0;9;a:1;;a:2.-1",
		"a record that is no number":  "kib1;t;5;f;0;9;;_",
		"a record past the last one":  "kib1;t;5;f;0;9;;1y2p0ij32e8e7",
		"cut off inside an exception": "kib1;t;5;f;0;9;a:1,b",
	} {
		if m, err := Decode(text); !errors.Is(err, ErrMetadata) || !reflect.DeepEqual(m, Metadata{}) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestDecode_ours(t *testing.T) {
	m, err := Decode("kib1;id;1010;fp;10;100;slow:0,held:10;q,10") // as before 0.1.0
	want := Metadata{"id", 1010, "fp", 36, Frontier{Below: 2306, Except: map[string]int64{"slow": 1010, "held": 1046}, Whole: singles(1036, 1072)}}
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("%+v, %v; want %+v", m, err, want)
	}
}

// FuzzDecode: whatever is accepted is a frontier that an owner can work with
// and hand on unchanged.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "kib1;id;1010;fp;10;100;slow:0,held:10;q,10", "kib3;t;5;f;0;9;;1.2,3,1.1;", "kib3;t;5;f;0;9;a:1;1.2;a:1.1", "kib1;t;5;f;0;1;;0,1", "kib1;;0;;-1;0;;",
		"kib1;t;9223372036854775806;f;0;1;a:1;0,1", "kib1;t;5;f;0;9;a:1,a:5;", "kib1;t;+5;f;0;-0;A:Z;z",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := Decode(text)
		if err != nil {
			if !errors.Is(err, ErrMetadata) {
				t.Fatalf("%v", err)
			}
			return
		}
		checkSane(t, m)
		p := New(m.Committed, m.Frontier)
		again, omitted := p.Encode(m, 2*len(text)+100)
		got, err := Decode(again)
		if err != nil || omitted != 0 {
			t.Fatalf("%q became %q, %d omitted: %v", text, again, omitted, err)
		}
		if m.Frontier.Below > m.Committed && !reflect.DeepEqual(got, m) {
			t.Fatalf("%+v became %+v", m, got)
		}
		if got.Committed != m.Committed || got.Frontier.Below != m.Frontier.Below {
			t.Fatalf("%+v became %+v", m, got)
		}
	})
}

func checkSane(t *testing.T, m Metadata) {
	t.Helper()
	c := m.Committed
	if c < 0 || m.Frontier.Below < c || strings.Contains(m.TopicID+m.Fingerprint, ";") {
		t.Fatalf("accepted %+v", m)
	}
	for ns, first := range m.Frontier.Except {
		if ns == "" || first < c || strings.ContainsAny(ns, ";,:") {
			t.Fatalf("exception %q from %d beside %d", ns, first, c)
		}
	}
	last := c - 1
	for _, s := range m.Frontier.Whole {
		if s.First <= last || s.Last < s.First {
			t.Fatalf("records %v beside %d", m.Frontier.Whole, c)
		}
		last = s.Last
	}
}

func TestFrontier_before(t *testing.T) {
	f := Frontier{Below: 20, Except: map[string]int64{"a": 5, "b": 10}, Whole: []Span{{3, 3}, {8, 11}, {15, 15}}}
	for end, want := range map[int64]Frontier{
		10: {Below: 10, Except: map[string]int64{"a": 5}, Whole: []Span{{3, 3}, {8, 9}}},
		30: f,
	} {
		if got := f.Before(end); !reflect.DeepEqual(got, want) {
			t.Errorf("before %d: %+v, want %+v", end, got, want)
		}
	}
}
