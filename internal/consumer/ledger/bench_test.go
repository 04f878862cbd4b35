package ledger

import (
	"fmt"
	"testing"
	"time"
)

// crowd is a partition with unfinished batches of many namespaces.
func crowd(nodes, namespaces int) *Partition {
	p := New(1_000_000, Frontier{})
	for i := range nodes {
		if _, err := p.Track(Batch, fmt.Sprintf("namespace-%d", i%namespaces), p.Position(), 0, time.Time{}); err != nil {
			panic(err)
		}
		p.Advance(p.Position() + 50)
	}
	return p
}

// A batch begins and ends while so many others are unfinished.
func BenchmarkTrackSettle(b *testing.B) {
	for _, nodes := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			p := crowd(nodes, max(1, nodes))
			b.ReportAllocs()
			for b.Loop() {
				n, err := p.Track(Batch, "namespace-0", p.Position(), 0, time.Time{})
				if err != nil {
					b.Fatal(err)
				}
				p.Advance(n.First + 1)
				if err := p.Settle(n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Every namespace is behind and one catch-up read goes over all of them: per
// namespace, a batch in the middle of the others and a move of the mark.
func BenchmarkCatchUp(b *testing.B) {
	for _, namespaces := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("namespaces=%d", namespaces), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				p := crowd(namespaces, namespaces)
				b.StartTimer()
				catchUpAll(b, p, namespaces)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*namespaces), "ns/namespace")
		})
	}
}

// The same while the partition is read on: each batch in the middle is followed by one
// at the end.
func BenchmarkCatchUp_whileReading(b *testing.B) {
	const namespaces = 10_000
	for b.Loop() {
		b.StopTimer()
		p := crowd(namespaces, namespaces)
		begin, end := p.root.next.First, p.root.prev.First
		b.StartTimer()
		for i := range int64(1000) {
			for _, first := range []int64{begin + i, end + i} {
				if _, err := p.Track(Batch, "a", first, 0, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/batch")
}

func catchUpAll(b *testing.B, p *Partition, namespaces int) {
	var marks []*Node
	for n := range p.All {
		marks = append(marks, n)
	}
	const covered = 512 // marks that one chunk goes over
	for i := 0; i < namespaces; i += covered {
		part := marks[i:min(i+covered, namespaces)]
		next := part[len(part)-1].First + 1
		for _, mark := range part {
			n, err := p.Track(Batch, mark.Namespace, mark.First, 0, time.Time{})
			if err == nil {
				err = p.Shift(mark, next, 0)
			}
			if err == nil {
				err = p.Settle(n)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct{ nodes, namespaces int }{{0, 1}, {20, 20}, {1000, 200}, {10_000, 10_000}} {
		b.Run(fmt.Sprintf("nodes=%d/namespaces=%d", c.nodes, c.namespaces), func(b *testing.B) {
			p := crowd(c.nodes, c.namespaces)
			b.ReportAllocs()
			for b.Loop() {
				p.Encode(about, MaxMetadata)
			}
		})
	}
}
