package ledger

import (
	"math/rand/v2"
	"testing"
)

func TestOffsets_agreeWithASet(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		var o Offsets
		set := map[int64]bool{}
		for range rnd.IntN(8) {
			first := rnd.Int64N(30)
			last := first + rnd.Int64N(6)
			o = o.With(first, last)
			for i := first; i <= last; i++ {
				set[i] = true
			}
		}
		for i := 1; i < len(o); i++ {
			if o[i].First <= o[i-1].Last+1 {
				t.Fatalf("seed %d: %v is not in order", seed, o)
			}
		}
		for first := range int64(40) {
			all := true
			for last := first; last < 40; last++ {
				all = all && set[last]
				if o.Hold(first, last) != all {
					t.Fatalf("seed %d: %v holds %d to %d: %t", seed, o, first, last, !all)
				}
			}
		}
	}
}
