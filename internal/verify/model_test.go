package verify

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/record"
)

// truth is what a bridge did with one topic, record by record.
type truth struct {
	rnd   *rand.Rand
	scene *scene
	owed  map[string]int // by partition, offset and namespace: how often stored or dead-lettered
}

// play lets a bridge import random records: batches per namespace over several
// partitions, some of them stored twice, some records dead letters or left out,
// holes in the log, receipts in a random order, some lost. With overlaps batches of
// a namespace also take some of its lines only, and later ones the others.
func play(t *testing.T, seed uint64, overlaps bool) *truth {
	tr := &truth{rnd: rand.New(rand.NewPCG(seed, 7)), scene: newScene(t), owed: map[string]int{}}
	s, rnd := tr.scene, tr.rnd
	s.policy = record.DeadLetter
	type line struct {
		partition int32
		offset    int64
	}
	open := map[string][]line{}
	var receipts []*receipt.Receipt
	flush := func(namespace string) {
		lines := open[namespace]
		open[namespace] = nil
		if overlaps && rnd.IntN(2) == 0 {
			var taken []line
			for _, l := range lines {
				if rnd.IntN(2) == 0 {
					taken = append(taken, l)
				} else {
					open[namespace] = append(open[namespace], l)
				}
			}
			lines = taken
		}
		if len(lines) == 0 {
			return
		}
		times := 1
		switch rnd.IntN(20) {
		case 0:
			times = 2 // stored, and again after a crash
		case 1:
			times = 0 // its receipt is lost
		}
		pieces := map[int32]*receipt.Piece{}
		for _, l := range lines {
			tr.owed[key(l.partition, l.offset, namespace)] += times
			p := pieces[l.partition]
			if p == nil {
				p = &receipt.Piece{Topic: "t", TopicID: "id-1", Partition: l.partition, First: l.offset}
				pieces[l.partition] = p
			}
			p.Last = l.offset
			p.Records++
		}
		for range times {
			r := &receipt.Receipt{RequestID: fmt.Sprint("req_", len(receipts)), Namespace: namespace, Records: len(lines), Attempts: 1}
			for _, p := range pieces {
				r.Pieces = append(r.Pieces, *p)
			}
			receipts = append(receipts, r)
		}
	}
	partitions, names := int32(1+rnd.IntN(3)), 1+rnd.IntN(5)
	for range 120 {
		p := rnd.Int32N(partitions)
		switch offset := s.next[p]; rnd.IntN(12) {
		case 0:
			s.records(p, "-")
		case 1:
			s.records(p, "!no_id")
			tr.owed[key(p, offset, "")] = 0
			if rnd.IntN(8) > 0 {
				s.letter("", p, offset)
				tr.owed[key(p, offset, "")]++
			}
		default:
			var to []string
			for n := range names {
				if rnd.IntN(names) == 0 {
					to = append(to, fmt.Sprint("n", n))
				}
			}
			if len(to) == 0 {
				to = []string{"n0"}
			}
			s.records(p, strings.Join(to, ","))
			for _, namespace := range to {
				if rnd.IntN(20) == 0 { // of a refused batch
					s.letter(namespace, p, offset)
					tr.owed[key(p, offset, namespace)]++
					continue
				}
				tr.owed[key(p, offset, namespace)] += 0
				open[namespace] = append(open[namespace], line{p, offset})
			}
		}
		if rnd.IntN(6) == 0 {
			flush(fmt.Sprint("n", rnd.IntN(names)))
		}
	}
	for n := range names {
		for name := fmt.Sprint("n", n); len(open[name]) > 0; {
			flush(name)
		}
	}
	rnd.Shuffle(len(receipts), func(i, j int) { receipts[i], receipts[j] = receipts[j], receipts[i] })
	for _, r := range receipts {
		s.write(r)
		if rnd.IntN(3) == 0 { // its end
			r.Status = "succeeded"
			s.write(r)
		}
	}
	return tr
}

func key(p int32, offset int64, namespace string) string {
	return fmt.Sprint(p, " ", offset, " ", namespace)
}

// within sums up what is true of the records that are there and lie within a part
// of each partition.
func (tr *truth) within(from, to map[int32]int64) (missing, twice, deliveries int64) {
	there := map[string]bool{}
	for p := range tr.scene.next {
		for _, f := range tr.scene.kafka.topics[name("t", p)] {
			there[fmt.Sprint(p, " ", f.offset)] = f.offset >= from[p] && f.offset < to[p]
		}
	}
	for k, n := range tr.owed {
		at := k[:strings.LastIndex(k, " ")]
		if !there[at] {
			continue
		}
		deliveries++
		if n == 0 {
			missing++
		}
		twice += int64(max(0, n-1))
	}
	return missing, twice, deliveries
}

// TestRun_againstTheTruth: whatever the limit is and so the number of passes, the
// counts are those of the record by record truth.
func TestRun_againstTheTruth(t *testing.T) {
	for seed := range uint64(100) {
		tr := play(t, seed, false)
		missing, twice, deliveries := tr.within(nil, tr.scene.next)
		for _, limit := range []int{1, 3, 17, 5000} {
			tr.scene.limit = limit
			got := tr.scene.run().Total
			if got.Missing != missing || got.CoveredTwice != twice || got.Deliveries != deliveries || got.Gone != 0 {
				t.Fatalf("seed %d, limit %d: %+v; want %d deliveries, %d missing, %d twice", seed, limit, got, deliveries, missing, twice)
			}
			if got.Covered+got.DeadLettered+got.LeftOut+got.Missing != got.Deliveries {
				t.Fatalf("seed %d, limit %d: the counts do not add up: %+v", seed, limit, got)
			}
		}
	}
}

// TestRun_overlapsAddUp: where receipts of a namespace overlap, one line's lack may
// hide behind another's repeat, and nothing else: the difference of both is true.
func TestRun_overlapsAddUp(t *testing.T) {
	hidden := 0
	for seed := range uint64(300) {
		tr := play(t, seed, true)
		missing, twice, deliveries := tr.within(nil, tr.scene.next)
		tr.scene.limit = []int{1, 17, 5000}[seed%3]
		got := tr.scene.run().Total
		if got.Deliveries != deliveries || got.Missing > missing || got.Missing-got.CoveredTwice != missing-twice {
			t.Fatalf("seed %d: %+v; want %d deliveries, %d missing, %d twice", seed, got, deliveries, missing, twice)
		}
		if got.Missing < missing {
			hidden++
		}
	}
	if hidden == 0 || hidden > 200 {
		t.Errorf("something was hidden in %d of 300 cases", hidden)
	}
}

// TestRun_raisesNoFalseAlarm: what lies beyond the part that is looked at, and what
// was compacted away, makes nothing seem missing; and what is, where no receipt
// reaches, is found.
func TestRun_raisesNoFalseAlarm(t *testing.T) {
	found := int64(0)
	for seed := range uint64(300) {
		tr := play(t, seed, seed%2 == 0)
		s, rnd := tr.scene, tr.rnd
		s.from, s.limit = map[int32]int64{}, []int{1, 17, 5000}[seed%3]
		for p, end := range s.next {
			s.from[p] = rnd.Int64N(end + 1)
			s.next[p] = s.from[p] + rnd.Int64N(end-s.from[p]+1)
			if rnd.IntN(2) == 0 {
				continue
			}
			key := name("t", p)
			s.kafka.topics[key] = slices.DeleteFunc(s.kafka.topics[key], func(fakeRecord) bool { return rnd.IntN(4) == 0 })
		}
		missing, _, deliveries := tr.within(s.from, s.next)
		got := s.run().Total
		if got.Deliveries != deliveries || got.Missing > missing || got.Covered+got.DeadLettered+got.LeftOut+got.Missing != got.Deliveries {
			t.Fatalf("seed %d, from %v to %v: %+v; want %d deliveries, at most %d missing", seed, s.from, s.next, got, deliveries, missing)
		}
		found += got.Missing
	}
	if found < 300 {
		t.Errorf("only %d lines were found missing", found)
	}
}

// TestCovers_keepsWhatBeginsFirst: in passes of any size every cover comes once
// and in order, and none of a place is torn from the others.
func TestCovers_keepsWhatBeginsFirst(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		var all []cover
		for range 1 + rnd.IntN(60) {
			first := rnd.Int64N(20)
			all = append(all, cover{partition: rnd.Uint32N(3), first: first, last: first + rnd.Int64N(5), namespace: rnd.Uint64N(3), records: 1, id: rnd.Uint64N(4)})
		}
		c := newCovers(1 + rnd.IntN(20))
		var got []cover
		passes := 0
		for from := (at{}); from.before(end); from = c.cut {
			if passes++; passes > 100 {
				t.Fatalf("seed %d: no end of passes", seed)
			}
			c.begin(from)
			for _, v := range all {
				c.add(v)
			}
			c.sort()
			for _, v := range c.list {
				if v.at().before(from) || !v.at().before(c.cut) {
					t.Fatalf("seed %d: %+v is not of the pass from %+v to %+v", seed, v, from, c.cut)
				}
			}
			got = append(got, c.list...)
		}
		want := slices.Clone(all)
		slices.SortFunc(want, compareCovers)
		if want = slices.Compact(want); !slices.Equal(got, want) {
			t.Fatalf("seed %d: got %v, want %v", seed, got, want)
		}
	}
}
