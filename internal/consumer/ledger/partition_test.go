package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// lines tracks one batch of a namespace's lines.
func lines(t *testing.T, p *Partition, namespace string, offsets ...int64) *Node {
	t.Helper()
	n, err := p.Track(Batch, namespace, offsets[0], 1000+offsets[0], time.UnixMilli(5))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range offsets[1:] {
		p.Extend(n, o)
	}
	return n
}

func record(t *testing.T, p *Partition, kind Kind, offset int64) *Node {
	t.Helper()
	n, err := p.TrackSingle(kind, "", offset, 1000+offset, time.UnixMilli(5))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func heldRange(t *testing.T, p *Partition, first, last int64) *Node {
	t.Helper()
	n, err := p.HoldRange(first, last, 1000+first, time.UnixMilli(5))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func settle(t *testing.T, nodes ...*Node) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Partition().Settle(n); err != nil {
			t.Fatal(err)
		}
	}
}

func wantWatermark(t *testing.T, p *Partition, want int64) {
	t.Helper()
	if got := p.Watermark(); got != want {
		t.Errorf("watermark %d, want %d", got, want)
	}
}

func TestPartition_settleOutOfOrder(t *testing.T) {
	p := New(100, Frontier{})
	a, b, c := lines(t, p, "a", 100, 103), lines(t, p, "b", 101, 104), lines(t, p, "a", 102)
	p.Advance(105)
	wantWatermark(t, p, 100)
	settle(t, b)
	wantWatermark(t, p, 100)
	settle(t, a)
	wantWatermark(t, p, 102)
	settle(t, c)
	wantWatermark(t, p, 105)
	if p.count() != 0 || p.Oldest() != nil {
		t.Errorf("%d nodes, oldest %+v", p.count(), p.Oldest())
	}
}

func TestPartition_positionMovesWithoutLines(t *testing.T) {
	p := New(7, Frontier{})
	p.Advance(20) // control records, holes, skipped records
	wantWatermark(t, p, 20)
	p.Advance(10)
	wantWatermark(t, p, 20)
	if p.Position() != 20 {
		t.Errorf("position %d", p.Position())
	}
}

func TestPartition_heldRecordPinsTheWatermark(t *testing.T) {
	p := New(0, Frontier{})
	held := record(t, p, HeldRecord, 3)
	for o := int64(4); o < 100; o++ {
		settle(t, lines(t, p, "a", o))
	}
	p.Advance(100)
	wantWatermark(t, p, 3)
	if p.Oldest() != held || p.Singles() != 1 || held.Timestamp != 1003 || !held.Since.Equal(time.UnixMilli(5)) {
		t.Errorf("oldest %+v, %d singles", p.Oldest(), p.Singles())
	}
	text, _ := p.Encode(Metadata{TopicID: "t", Fingerprint: "f"}, MaxMetadata)
	if want := "kib3;t;3;f;0;2p;;0;"; text != want { // 2p is 97
		t.Errorf("text %q, want %q", text, want)
	}
}

func TestPartition_heldRange(t *testing.T) {
	p := New(0, Frontier{})
	a := heldRange(t, p, 3, 9)
	b := heldRange(t, p, 20, 20)
	p.Advance(30)
	wantWatermark(t, p, 3)
	for o, want := range map[int64]bool{2: false, 3: true, 6: true, 9: true, 10: false, 20: true, 21: false} {
		if p.Unread(o) != want {
			t.Errorf("unread(%d) is %t", o, !want)
		}
	}
	settle(t, a)
	wantWatermark(t, p, 20)
	settle(t, b)
	wantWatermark(t, p, 30)
	if p.Unread(6) || p.Unread(20) {
		t.Error("a range is unread although it is settled")
	}
}

func TestPartition_settleTwice(t *testing.T) {
	p := New(0, Frontier{})
	a, b := lines(t, p, "a", 0), lines(t, p, "a", 1)
	p.Advance(2)
	settle(t, a)
	if err := p.Settle(a); !errors.Is(err, ErrSettled) {
		t.Errorf("second settle: %v", err)
	}
	if err := New(0, Frontier{}).Settle(b); !errors.Is(err, ErrSettled) {
		t.Errorf("settle in another partition: %v", err)
	}
	if p.Become(a, Shed); a.Kind != Batch || a.Partition() != nil {
		t.Errorf("settled node became %+v", a)
	}
	wantWatermark(t, p, 1)
	if p.count() != 1 {
		t.Errorf("%d nodes", p.count())
	}
}

func TestPartition_trackBelowTheWatermark(t *testing.T) {
	p := New(10, Frontier{})
	if _, err := p.Track(Batch, "a", 9, 0, time.Time{}); !errors.Is(err, ErrBackward) {
		t.Errorf("below the start: %v", err)
	}
	p.Advance(20)
	wantWatermark(t, p, 20)
	if _, err := p.TrackSingle(HeldRecord, "", 19, 0, time.Time{}); !errors.Is(err, ErrBackward) {
		t.Errorf("below the position: %v", err)
	}
	if p.count() != 0 || p.Singles() != 0 {
		t.Errorf("%d nodes, %d singles", p.count(), p.Singles())
	}
	lines(t, p, "a", 20)
	wantWatermark(t, p, 20)
}

func TestPartition_catchUpMovesTheMark(t *testing.T) {
	p := New(0, Frontier{})
	mark := lines(t, p, "a", 2, 3)
	p.Become(mark, Shed)
	other := lines(t, p, "b", 4)
	p.Advance(50)
	batch := lines(t, p, "a", 2, 8)
	if err := p.Shift(mark, 10, 77); err != nil {
		t.Fatal(err)
	}
	if mark.First != 10 || mark.Last != 10 || mark.Timestamp != 77 || mark.Kind != Shed {
		t.Errorf("mark %+v", mark)
	}
	if got := slices.Collect(p.All); !slices.Equal(got, []*Node{batch, other, mark}) {
		t.Errorf("order %v", got)
	}
	if err := p.Shift(mark, 9, 0); !errors.Is(err, ErrBackward) {
		t.Errorf("shift back: %v", err)
	}
	settle(t, batch)
	wantWatermark(t, p, 4)
	settle(t, other)
	wantWatermark(t, p, 10)
	settle(t, mark)
	wantWatermark(t, p, 50)
}

func TestPartition_allStopsWhenAsked(t *testing.T) {
	p := New(0, Frontier{})
	for o := range int64(5) {
		lines(t, p, "a", o)
	}
	for n := range p.All {
		if n.First == 2 {
			break
		}
		settle(t, n) // the node in hand may be settled
	}
	if p.count() != 3 {
		t.Errorf("%d nodes left", p.count())
	}
}

func TestPartition_inheritedFrontier(t *testing.T) {
	p := New(10, Frontier{Below: 50, Except: map[string]int64{"a": 20}, Whole: singles(15, 40)})
	for _, c := range []struct {
		name      string
		namespace string
		offset    int64
		done      bool
	}{
		{"a line before its namespace's exception", "a", 19, true},
		{"the first line owed", "a", 20, false},
		{"a later line of the namespace", "a", 49, false},
		{"another namespace", "b", 30, true},
		{"a line of a record that was held", "b", 40, false},
		{"the last line below", "b", 49, true},
		{"a line that was not looked at", "b", 50, false},
	} {
		if got := p.Done(c.namespace, c.offset); got != c.done {
			t.Errorf("%s: done is %t", c.name, got)
		}
	}
	for o, want := range map[int64]bool{10: true, 15: false, 20: true, 40: false, 49: true, 50: false, 60: false} {
		if got := p.RecordDone(o); got != want {
			t.Errorf("record %d: done is %t", o, got)
		}
		if got := p.Released(o); got != (o == 15 || o == 40) {
			t.Errorf("record %d: released is %t", o, got)
		}
	}
}

func TestKind_names(t *testing.T) {
	want := map[Kind]string{Batch: "batch", DeadLetter: "dead_letter", HeldRecord: "held_record", Shed: "held_namespace"}
	for k, name := range want {
		if k.String() != name {
			t.Errorf("kind %d is %q, want %q", k, k, name)
		}
	}
}

// What is read at the end meanwhile does not make a catch-up read look for its place
// anew, past all the nodes between.
func TestPartition_catchUpKeepsItsPlace(t *testing.T) {
	p := New(0, Frontier{})
	track := func(first int64) *Node {
		n, err := p.Track(Batch, "a", first, 0, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range int64(100) {
		track(10 * i)
	}
	for i := range int64(50) {
		caughtUp := track(10*i + 5)
		if track(1000 + i); p.finger != caughtUp {
			t.Fatalf("the next place is looked for from offset %d on, want %d", p.finger.First, caughtUp.First)
		}
	}
	before := int64(-1)
	for n := range p.All {
		if n.First < before {
			t.Fatalf("offset %d comes after %d", n.First, before)
		}
		before = n.First
	}
}
