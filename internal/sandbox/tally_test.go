package sandbox

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestTally_findings(t *testing.T) {
	cases := []struct {
		name                                string
		story                               func(*Tally)
		stored, dead, skipped               int
		lost, twice, unexpected, disordered int
	}{
		{name: "nothing happened", story: func(*Tally) {}},
		{name: "stored", stored: 1, story: func(t *Tally) {
			t.Produced("users", 0, 0, "a", "x")
			t.Stored("x", "a")
		}},
		{name: "stored before its producer knew", stored: 1, story: func(t *Tally) {
			t.Stored("x", "a")
			t.Produced("users", 0, 0, "a", "x")
		}},
		{name: "fan-out with one line missing", stored: 1, lost: 1, story: func(t *Tally) {
			t.Produced("users", 0, 0, "a", "x", "y")
			t.Stored("y", "a")
		}},
		{name: "the same id in another namespace", stored: 1, unexpected: 1, story: func(t *Tally) {
			t.Produced("users", 0, 0, "a", "x")
			t.Stored("x", "a")
			t.Stored("y", "a")
		}},
		{name: "stored twice", stored: 1, twice: 1, story: func(t *Tally) {
			t.Produced("users", 0, 0, "a", "x")
			t.Stored("x", "a", "a")
		}},
		{name: "stored and dead-lettered", stored: 1, twice: 1, story: func(t *Tally) {
			t.Produced("users", 0, 0, "a", "x")
			t.Stored("x", "a")
			t.DeadLettered("users", 0, 0, "x")
		}},
		{name: "one dead letter for each namespace", dead: 2, story: func(t *Tally) {
			t.Produced("users", 0, 0, "a", "x", "y")
			t.DeadLettered("users", 0, 0, "x")
			t.DeadLettered("users", 0, 0, "y")
		}},
		{name: "one dead letter for the record", dead: 2, story: func(t *Tally) {
			t.DeadLettered("users", 0, 0, "")
			t.Produced("users", 0, 0, "a", "x", "y")
		}},
		{name: "poison dead-lettered, tombstone skipped", dead: 1, skipped: 1, story: func(t *Tally) {
			t.Produced("users", 0, 0, "a")
			t.Produced("users", 0, 1, "")
			t.DeadLettered("users", 0, 0, "")
			t.Skipped(1)
		}},
		{name: "poison that vanished", lost: 1, story: func(t *Tally) { t.Produced("users", 0, 0, "a") }},
		{name: "more skipped than could be", unexpected: 1, story: func(t *Tally) { t.Skipped(1) }},
		{name: "dead letter of an unknown record", unexpected: 1, story: func(t *Tally) { t.DeadLettered("users", 0, 7, "") }},
		{name: "one id in two records", stored: 1, unexpected: 1, story: func(t *Tally) {
			t.Produced("users", 0, 0, "a", "x")
			t.Produced("users", 0, 1, "a", "x")
			t.Stored("x", "a")
		}},
		{name: "order of two partitions is free", stored: 2, story: func(t *Tally) {
			t.Produced("users", 0, 0, "a", "x")
			t.Produced("users", 1, 0, "b", "x")
			t.Stored("x", "b", "a")
		}},
		{name: "younger line first", stored: 2, disordered: 1, story: func(t *Tally) {
			t.Produced("users", 0, 4, "a", "x")
			t.Produced("users", 0, 9, "b", "x")
			t.Stored("x", "b")
			t.Stored("x", "a")
		}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			tally := NewTally()
			tc.story(tally)
			r := tally.Report()
			got := []int{r.Stored, r.DeadLettered, r.Skipped, r.Lost.Count, r.Twice.Count, r.Unexpected.Count, r.Disordered.Count}
			want := []int{tc.stored, tc.dead, tc.skipped, tc.lost, tc.twice, tc.unexpected, tc.disordered}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("stored, dead, skipped, lost, twice, unexpected, disordered = %v, want %v\n%s", got, want, r)
			}
			if clean := tc.lost+tc.twice+tc.unexpected+tc.disordered == 0; r.OK() != clean {
				t.Errorf("OK is %v", r.OK())
			}
			if again := tally.Report().String(); again != r.String() {
				t.Errorf("a second report differs: %s", again)
			}
		})
	}
}

// naiveTally remembers every event as text.
type naiveTally struct {
	owed    map[string]string // namespace/id -> record
	records map[string][]string
	stored  map[string]int
	dead    map[string]int // namespace/id, or the record if it owes nothing
}

func (n *naiveTally) report() (lost, twice, stored, dead int) {
	count := func(key string) {
		switch ended := n.stored[key] + n.dead[key]; {
		case ended == 0:
			lost++
		case ended > 1:
			twice++
		}
		if n.stored[key] > 0 {
			stored++
		} else if n.dead[key] > 0 {
			dead++
		}
	}
	for key := range n.owed {
		count(key)
	}
	for record, lines := range n.records {
		if len(lines) == 0 {
			count(record)
		}
	}
	return lost, twice, stored, dead
}

func TestTally_againstNaiveModel(t *testing.T) {
	for range 200 {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		tally := NewTally()
		model := naiveTally{map[string]string{}, map[string][]string{}, map[string]int{}, map[string]int{}}
		for offset := range int64(40) {
			playRecord(random, tally, &model, offset)
		}
		r := tally.Report()
		lost, twice, stored, dead := model.report()
		if r.Lost.Count != lost || r.Twice.Count != twice || r.Stored != stored || r.DeadLettered != dead || r.Unexpected.Count != 0 {
			t.Fatalf("seed %d: lost %d twice %d stored %d dead %d, but the tally says %s", seed, lost, twice, stored, dead, r)
		}
	}
}

// playRecord produces one record with zero to three lines and lets each end
// zero to two times, in any order.
func playRecord(random *rand.Rand, tally *Tally, model *naiveTally, offset int64) {
	partition := int32(random.IntN(3))
	record := fmt.Sprintf("%d@%d", partition, offset)
	id := "id-" + record
	namespaces := []string{"x", "y", "z"}[:random.IntN(4)]
	model.records[record] = namespaces
	steps := []func(){func() { tally.Produced("users", partition, offset, id, namespaces...) }}
	for _, namespace := range namespaces {
		key := namespace + "/" + id
		model.owed[key] = record
		for range random.IntN(3) {
			if random.IntN(4) == 0 {
				model.dead[key]++
				steps = append(steps, func() { tally.DeadLettered("users", partition, offset, namespace) })
				continue
			}
			model.stored[key]++
			steps = append(steps, func() { tally.Stored(namespace, id) })
		}
	}
	if len(namespaces) == 0 && random.IntN(2) == 0 {
		model.dead[record]++
		steps = append(steps, func() { tally.DeadLettered("users", partition, offset, "") })
	}
	random.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
	for _, step := range steps {
		step()
	}
}

func BenchmarkTally(b *testing.B) {
	tally := NewTally()
	b.ReportAllocs()
	for i := range b.N {
		id := fmt.Sprintf("user_%08d", i)
		tally.Produced("users", 0, int64(i), id, "acme-users")
		tally.Stored("acme-users", id)
	}
	if r := tally.Report(); !r.OK() {
		b.Fatal(r)
	}
}
