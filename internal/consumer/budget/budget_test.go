package budget

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestBudget_agreesWithASum charges accounts at random and compares what is free
// with a plain sum of everything that is held.
func TestBudget_agreesWithASum(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	const limit = 64 << 20
	var reading, batches int64
	b := New(limit, Sources{Reading: func() int64 { return reading }, Batches: func() int64 { return batches }})
	held := map[Account]int64{}
	for range 20000 {
		reading, batches = rng.Int64N(limit/2), rng.Int64N(limit/2)
		a := Account(rng.IntN(int(accounts)))
		n := rng.Int64N(limit / 20 << rng.IntN(4))
		free := limit - reading - batches - held[Letters] - held[Marks]
		fits := held[a] == 0 && n <= max(b.Ceiling(a), free) || held[a] > 0 && held[a]+n <= b.Ceiling(a)
		if b.Fits(a, n) != fits {
			t.Fatalf("%d bytes fit account %d, which holds %d, beside %d that are free: %t", n, a, held[a], free, !fits)
		}
		switch {
		case rng.IntN(2) == 0:
			n = -min(n, held[a])
		case !fits:
			continue
		}
		b.Charge(a, n)
		held[a] += n
		want := limit - reading - batches - held[Letters] - held[Marks]
		if b.Free() != want || b.Share() != want+batches || b.Held(a) != held[a] {
			t.Fatalf("free %d, share %d, held %d; want %d, %d, %d", b.Free(), b.Share(), b.Held(a), want, want+batches, held[a])
		}
	}
	if b.Reset(); b.Free() != limit-reading-batches {
		t.Errorf("after the end of a generation %d are free, want %d", b.Free(), limit-reading-batches)
	}
}

func TestBudget_refusesToGiveBackMoreThanWasTaken(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an account holds less than nothing")
		}
	}()
	b := New(1<<20, Sources{Reading: func() int64 { return 0 }, Batches: func() int64 { return 0 }})
	b.Charge(Marks, 10)
	b.Charge(Marks, -11)
}

func TestVictims(t *testing.T) {
	holders := func(bytes ...int64) (hs []Holder[string]) { // negative: without evidence
		for _, n := range bytes {
			hs = append(hs, Holder[string]{fmt.Sprint(n), max(n, -n), n > 0})
		}
		return hs
	}
	for _, tc := range []struct {
		name  string
		bytes []int64
		need  int64
		most  int
		taste bool
		want  string
	}{
		{"nobody", nil, 10, 9, true, "[]"},
		{"the largest first", []int64{1, 9, 5}, 10, 9, true, "[9 5]"},
		{"no more than needed", []int64{1, 9, 5}, 9, 9, true, "[9]"},
		{"a bounded number in one turn", []int64{3, 3, 3, 3}, 100, 2, true, "[3 3]"},
		{"with evidence first", []int64{-9, 1, 2}, 3, 9, true, "[2 1]"},
		{"without evidence one at a time", []int64{-9, -8, -7}, 20, 9, true, "[-9]"},
		{"without evidence none where taste forbids it", []int64{-9, -8}, 20, 9, false, "[]"},
		{"what is not enough gives way all the same", []int64{1, -9}, 20, 9, true, "[1]"},
		{"who holds nothing stays", []int64{0, 0}, 20, 9, true, "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			for _, v := range Victims(holders(tc.bytes...), tc.need, tc.most, tc.taste) {
				got = append(got, v.Namespace)
			}
			if fmt.Sprint(got) != tc.want {
				t.Errorf("%v give way, want %s", got, tc.want)
			}
		})
	}
}
