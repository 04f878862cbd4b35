package sim

import (
	"testing"
	"time"
)

// What may be stored again because of a new generation is what a PUT of the one before
// brought, also where the store took it later; not what the new one has brought itself.
func TestTruth_excusesWhatAGenerationLeavesOnTheWire(t *testing.T) {
	at := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		name          string
		began, stored int
		again         string // the process that stored it again
		excused       bool
	}{
		{"stored before the new generation", 5, 6, "p1", true},
		{"stored after it", 5, 12, "p1", true},
		{"begun in it", 11, 12, "p1", false},
		{"stored again by another process", 11, 12, "p2", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			truth := newTruth()
			truth.joins["p1"] = []time.Time{at(1), at(10)}
			first := &object{id: "a", process: "p1", began: at(c.began), at: at(c.stored)}
			again := &object{id: "b", process: c.again, began: at(20), at: at(20), learned: at(20)}
			if why := truth.excused(&produced{}, first, again); (why != "") != c.excused {
				t.Errorf("excused because of %q, want excused %t", why, c.excused)
			}
		})
	}
}

// A process tells once of a batch that may be stored twice, under the URL of the time. What
// it tells is about the batch's other URLs too, and about no other batch.
func TestTruth_knowsABatchByItsOffsets(t *testing.T) {
	truth := newTruth()
	store := func(id, namespace string, records ...*produced) {
		o := &object{id: id, process: "p1"}
		truth.objects[id] = o
		for _, r := range records {
			r.stores[namespace] = append(r.stores[namespace], storing{object: o})
		}
	}
	var t0, t1 []*produced
	for i := range 4 {
		t0 = append(t0, truth.produce("t0", 1, valid, string(rune('a'+i)), []string{"n"}))
		t1 = append(t1, truth.produce("t1", 0, valid, string(rune('k'+i)), []string{"n"}))
	}
	store("later", "n", t0[1], t0[3], t1[2])
	store("other", "n", t0[0], t1[2])
	line := `   72.634s p1 level=WARN msg="a batch may be stored twice: and so on" namespace=n request_id=earlier records=3 offsets="t1/0@2-2 t0/1@1-3"`
	told := batchIn("p1", line)
	if truth.batchOf("n", "later") != told {
		t.Errorf("%+v is told, %+v was stored", told, truth.batchOf("n", "later"))
	}
	for _, other := range []batch{truth.batchOf("n", "other"), batchIn("p2", line), batchIn("p1", line[:len(line)-len(` t0/1@1-3"`)])} {
		if other == told {
			t.Errorf("%+v is taken for what is told", other)
		}
	}
}
