package report

import (
	"fmt"
	"testing"
)

func TestRequestIDs_areBounded(t *testing.T) {
	var r RequestIDs
	for i := range 3 * maxRequestIDs {
		r.Note(fmt.Sprint("n", i), fmt.Sprint("req_", i))
		r.Note("n0", "")
	}
	if len(r.last) != maxRequestIDs || len(r.order) != maxRequestIDs || r.last[fmt.Sprint("n", 2*maxRequestIDs)] == "" {
		t.Errorf("%d of %d namespaces are remembered", len(r.last), len(r.order))
	}
	newest := fmt.Sprint("n", 3*maxRequestIDs-1)
	if r.Note(newest, "req_again"); r.last[newest] != "req_again" {
		t.Errorf("the last request is %s", r.last[newest])
	}
}
