package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// shape is what the records look like.
type shape struct {
	bytes      int64 // of all records of a topic
	record     int   // mean bytes of one
	batch      int   // bytes of a producer's batch
	partitions int
	namespaces int
}

// records is how many there are.
func (s shape) records() int { return int(s.bytes / int64(s.record)) }

const (
	minRecord = 100  // leaves a few bytes beside the id and the namespace
	templates = 4096 // distinct texts; each record has its own id besides
	idDigits  = 12
)

// generator makes records: JSON objects with a unique id, a namespace, a few
// numbers and words that compress about as well as people's messages do. It is
// the same for the same shape. Not safe for concurrent use.
type generator struct {
	rng       *rand.Rand
	names     []string
	cumulated []float64
	texts     []string
	buf       []byte
}

func newGenerator(s shape) *generator {
	g := &generator{rng: rand.New(rand.NewPCG(1, 2))}
	var sum float64
	for i := range s.namespaces {
		sum += 1 / float64(i+1)
		g.names = append(g.names, fmt.Sprintf("namespace-%05d", i))
		g.cumulated = append(g.cumulated, sum)
	}
	words := g.vocabulary()
	for range templates {
		g.texts = append(g.texts, g.text(words, s.record-minRecord+16))
	}
	return g
}

func (g *generator) vocabulary() []string {
	words := make([]string, 3000)
	for i := range words {
		b := make([]byte, 3+g.rng.IntN(8))
		for j := range b {
			b[j] = "etaoinshrdlucmfw"[g.rng.IntN(16)]
		}
		words[i] = string(b)
	}
	return words
}

// text is what follows the namespace in a record; size is its mean length.
func (g *generator) text(words []string, size int) string {
	var b strings.Builder
	size += int(float64(size) * 0.5 * (g.rng.Float64() - 0.5))
	fmt.Fprintf(&b, `"score":%.4f,"seen":%d`, g.rng.Float64(), g.rng.IntN(1e6))
	for field := 0; b.Len() < size-40; field++ {
		fmt.Fprintf(&b, `,"text_%d":"`, field)
		for end := min(b.Len()+200, size-2); b.Len() < end; {
			b.WriteString(words[g.rng.IntN(len(words))])
			b.WriteByte(' ')
			if g.rng.IntN(8) == 0 {
				fmt.Fprintf(&b, "%x ", g.rng.Uint32())
			}
		}
		b.WriteByte('"')
	}
	return b.String()
}

// next returns the n-th record and the index of its namespace. The record is
// valid until the next call.
func (g *generator) next(n int) (record []byte, namespace int) {
	namespace = g.pick()
	g.buf = append(g.buf[:0], `{"id":"item-`...)
	g.buf = fmt.Appendf(g.buf, "%0*d", idDigits, n)
	g.buf = append(g.buf, `","namespace":"`...)
	g.buf = append(g.buf, g.names[namespace]...)
	g.buf = append(g.buf, `",`...)
	g.buf = append(g.buf, g.texts[g.rng.IntN(len(g.texts))]...)
	g.buf = append(g.buf, '}')
	return g.buf, namespace
}

// pick chooses a namespace by the skew.
func (g *generator) pick() int {
	x := g.rng.Float64() * g.cumulated[len(g.cumulated)-1]
	low, high := 0, len(g.cumulated)-1
	for low < high {
		if mid := (low + high) / 2; g.cumulated[mid] < x {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
