package consumer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// shape tells what a chunk holds, in order.
func shape(c *chunk) string {
	var b strings.Builder
	for i := range c.groups {
		g := &c.groups[i]
		fmt.Fprintf(&b, "%s:", g.namespace)
		for _, l := range g.lines {
			fmt.Fprintf(&b, " %d=%s", l.offset, l.bytes)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestChunk_groupsLinesByNamespaceInOrder(t *testing.T) {
	c := newChunk(nil, 0)
	defer c.recycle()
	c.add("b", line{1, 10, []byte("one")})
	c.add("a", line{1, 10, []byte("one")})
	c.add("b", line{2, 11, []byte("three")})
	if got, want := shape(c), "b: 1=one 2=three\na: 1=one\n"; got != want {
		t.Errorf("chunk holds\n%swant\n%s", got, want)
	}
	if c.lines != 3 || c.bytes != 4+4+6 || c.groups[0].bytes != 10 || c.groups[1].bytes != 4 {
		t.Errorf("%d lines, %d bytes, groups of %d and %d bytes", c.lines, c.bytes, c.groups[0].bytes, c.groups[1].bytes)
	}
}

// TestChunk_isEmptyAfterRecycling reuses chunks with other namespaces each time.
func TestChunk_isEmptyAfterRecycling(t *testing.T) {
	a := newAllowance(1<<20, 1<<20)
	for round := range 20 {
		c := newChunk(nil, uint32(round))
		l, err := a.lend(t.Context(), 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		if shape(c) != "" || c.lines != 0 || c.bytes != 0 || c.records != 0 || len(c.rejects) != 0 || len(c.leases) != 0 || len(c.scratch) != 0 || c.fault != nil || c.catchUp != nil {
			t.Fatalf("round %d: a new chunk holds %+v", round, c)
		}
		var want []string
		for i := range 5 - round%5 {
			name := fmt.Sprintf("n%d-%d", round, i)
			c.add(name, line{int64(i), 0, []byte("x")})
			want = append(want, fmt.Sprintf("%s: %d=x\n", name, i))
		}
		if got := shape(c); got != strings.Join(want, "") {
			t.Fatalf("round %d: chunk holds\n%swant\n%s", round, got, strings.Join(want, ""))
		}
		c.keep(l)
		c.keep(l)
		c.rejects = append(c.rejects, rejected{offset: 1})
		c.fault, c.records = &fault{}, 3
		c.scratch = append(c.scratch, "scratch"...)
		l.release()
		if a.Used() == 0 {
			t.Fatalf("round %d: the chunk does not hold its lease", round)
		}
		if c.recycle(); a.Used() != 0 {
			t.Fatalf("round %d: %d bytes are lent after recycling", round, a.Used())
		}
	}
}

func TestChunk_holdsEveryLeaseItsLinesPointInto(t *testing.T) {
	a := newAllowance(1<<20, 1<<20)
	var leases []*lease
	for range 3 {
		l, err := a.lend(t.Context(), 4<<10)
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, l)
	}
	c := newChunk(nil, 0)
	for _, i := range []int{0, 0, 1, 1, 2, 0} {
		c.keep(leases[i])
	}
	for _, l := range slices.Backward(leases) {
		l.release()
	}
	if a.Used() != 3*4<<10 {
		t.Errorf("%d bytes are lent, want those of three leases", a.Used())
	}
	if c.recycle(); a.Used() != 0 {
		t.Errorf("%d bytes are lent after recycling", a.Used())
	}
}
