package fetch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shape tells what a chunk holds, in order.
func shape(c *Chunk) string {
	var b strings.Builder
	for i := range c.Groups {
		g := &c.Groups[i]
		fmt.Fprintf(&b, "%s:", g.Namespace)
		for _, l := range g.Lines {
			fmt.Fprintf(&b, " %d=%s", l.Offset, l.Bytes)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestChunk_groupsLinesByNamespaceInOrder(t *testing.T) {
	c := NewChunk(nil, 0)
	defer c.Recycle()
	c.Add("b", Line{1, 10, []byte("one")})
	c.Add("a", Line{1, 10, []byte("one")})
	c.Add("b", Line{2, 11, []byte("three")})
	if got, want := shape(c), "b: 1=one 2=three\na: 1=one\n"; got != want {
		t.Errorf("chunk holds\n%swant\n%s", got, want)
	}
	if c.lines != 3 || c.Bytes != 4+4+6 || c.Groups[0].Bytes != 10 || c.Groups[1].Bytes != 4 {
		t.Errorf("%d lines, %d bytes, groups of %d and %d bytes", c.lines, c.Bytes, c.Groups[0].Bytes, c.Groups[1].Bytes)
	}
}

// TestChunk_isEmptyAfterRecycling reuses chunks with other namespaces each time.
func TestChunk_isEmptyAfterRecycling(t *testing.T) {
	a := NewAllowance(1<<20, 1<<20)
	for round := range 20 {
		c := NewChunk(nil, uint32(round))
		l, err := a.Lend(t.Context(), 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		if shape(c) != "" || c.lines != 0 || c.Bytes != 0 || c.Records != 0 || len(c.Rejects) != 0 || len(c.leases) != 0 || len(c.scratch) != 0 || c.Fault != nil || c.CatchUp != nil {
			t.Fatalf("round %d: a new chunk holds %+v", round, c)
		}
		var want []string
		for i := range 5 - round%5 {
			name := fmt.Sprintf("n%d-%d", round, i)
			c.Add(name, Line{int64(i), 0, []byte("x")})
			want = append(want, fmt.Sprintf("%s: %d=x\n", name, i))
		}
		if got := shape(c); got != strings.Join(want, "") {
			t.Fatalf("round %d: chunk holds\n%swant\n%s", round, got, strings.Join(want, ""))
		}
		c.keep(l)
		c.keep(l)
		c.Rejects = append(c.Rejects, Rejected{Offset: 1})
		c.Fault, c.Records = &Fault{}, 3
		c.scratch = append(c.scratch, "scratch"...)
		l.Release()
		if a.Used() == 0 {
			t.Fatalf("round %d: the chunk does not hold its lease", round)
		}
		if c.Recycle(); a.Used() != 0 {
			t.Fatalf("round %d: %d bytes are lent after recycling", round, a.Used())
		}
	}
}

func TestChunk_holdsEveryLeaseItsLinesPointInto(t *testing.T) {
	a := NewAllowance(1<<20, 1<<20)
	var leases []*Buffer
	for range 3 {
		l, err := a.Lend(t.Context(), 4<<10)
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, l)
	}
	c := NewChunk(nil, 0)
	for _, i := range []int{0, 0, 1, 1, 2, 0} {
		c.keep(leases[i])
	}
	for _, l := range slices.Backward(leases) {
		l.Release()
	}
	if a.Used() != 3*4<<10 {
		t.Errorf("%d bytes are lent, want those of three leases", a.Used())
	}
	if c.Recycle(); a.Used() != 0 {
		t.Errorf("%d bytes are lent after recycling", a.Used())
	}
}

// Whatever the order in which chunks were large: what one keeps for the next use is
// bounded.
func TestChunk_keepsBoundedMemory(t *testing.T) {
	k := &Chunk{backing: backing{index: map[string]int{}}}
	names := make([]string, 4*chunkMaxLines)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	kept := func() (lines int) {
		for _, g := range k.Groups[:cap(k.Groups)] {
			lines += cap(g.Lines)
		}
		return lines
	}
	for before := range chunkMaxLines { // a run of one namespace behind ever more others
		for i := range chunkMaxLines {
			k.Add(names[min(i, before)], Line{Offset: int64(i)})
		}
		k.reset()
	}
	if n := kept(); n > 16*chunkMaxLines {
		t.Errorf("memory for %d lines is kept, of chunks of %d", n, chunkMaxLines)
	}
	for _, name := range names { // one record for very many namespaces
		k.Add(name, Line{})
	}
	k.reset()
	if n := kept(); n > 16*chunkMaxLines || cap(k.Groups) > 4*chunkMaxLines {
		t.Errorf("memory for %d lines and %d namespaces is kept", n, cap(k.Groups))
	}
	for range 3 { // an ordinary chunk finds its memory again
		for i := range chunkMaxLines {
			k.Add(names[i%100], Line{Offset: int64(i)})
		}
		k.reset()
	}
	if n := kept(); n < chunkMaxLines {
		t.Errorf("memory for %d lines is kept, of chunks of %d", n, chunkMaxLines)
	}
}
