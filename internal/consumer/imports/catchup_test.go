package imports

import (
	"slices"
	"strconv"
	"testing"

	"kafka-import-bridge/internal/consumer/pace"
)

// TestCatchUps_takeTurns: whoever wants to catch up is listed once, however many do, has
// its turn after the others, and may come back once it has left.
func TestCatchUps_takeTurns(t *testing.T) {
	const many = 200_000 // more than could be compared with each other
	var c catchUps
	all := make([]*Namespace, many)
	for i := range all {
		all[i] = &Namespace{Namespace: &pace.Namespace{Name: strconv.Itoa(i)}}
	}
	for range 2 {
		for _, n := range all {
			c.want(n)
		}
	}
	if !slices.Equal(c.Namespaces, all) {
		t.Fatalf("%d namespaces catch up, want %d, each once and in order", len(c.Namespaces), many)
	}
	if n := c.Next(); n != all[0] || c.Namespaces[many-1] != n {
		t.Errorf("the first turn is that of %s", n.Name)
	}
	if n := c.Next(); n != all[1] {
		t.Errorf("the second turn is that of %s", n.Name)
	}
	c.Leave()
	if len(c.Namespaces) != many-1 || slices.Contains(c.Namespaces, all[1]) {
		t.Errorf("%d namespaces are left", len(c.Namespaces))
	}
	c.want(all[1])
	if len(c.Namespaces) != many || c.Namespaces[many-1] != all[1] {
		t.Error("one that has left does not come back")
	}
}
