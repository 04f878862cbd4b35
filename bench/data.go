package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// shape is what the records of a topic look like.
type shape struct {
	bytes      int64 // of all records
	record     int   // mean bytes of one
	batch      int   // bytes of a producer's batch, before compression
	partitions int
	namespaces int
	even       bool // the namespaces are equally frequent; else the second half as much as the first, the third a third …
	codec      string
	avro       bool // values are Avro of a schema registry, of about as many bytes of JSON
}

// records is how many there are.
func (s shape) records() int { return int(s.bytes / int64(s.record)) }

// source makes records. The n-th one is the same in each run but for its
// timestamp, microseconds since 1970, with which it begins: see timePrefix. The
// record is valid until the next call. Not safe for concurrent use.
type source interface {
	next(n int, at int64) (record []byte, namespace string)
}

// liner is a source whose records are not what is stored of them.
type liner interface {
	// line is what is stored of the last record, valid until the next one.
	line() []byte
}

const (
	minRecord   = 100  // leaves a few bytes beside time, id and namespace
	headBytes   = 68   // of time, id and namespace
	templates   = 4096 // distinct texts; each record has its own id besides
	templateMem = 64 << 20
)

// generator makes JSON objects with a unique id, a namespace, a few numbers and
// words that compress about as well as people's messages do.
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
		if s.even {
			sum++
		} else {
			sum += 1 / float64(i+1)
		}
		g.names = append(g.names, fmt.Sprintf("ns-%05d", i))
		g.cumulated = append(g.cumulated, sum)
	}
	words := g.vocabulary()
	for range min(templates, max(16, templateMem/s.record)) {
		g.texts = append(g.texts, g.text(words, s.record-headBytes))
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

// next implements source.
func (g *generator) next(n int, at int64) (record []byte, namespace string) {
	namespace = g.names[g.pick()]
	g.buf = appendTime(g.buf[:0], at)
	g.buf = append(g.buf, `,"id":"`...)
	g.buf = appendPadded(g.buf, int64(n), 12)
	g.buf = append(g.buf, `","namespace":"`...)
	g.buf = append(g.buf, namespace...)
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

// appendTime appends the timestamp that each record begins with.
func appendTime(dst []byte, at int64) []byte {
	return appendPadded(append(dst, timePrefix...), at, timeDigits)
}

// appendPadded appends a number with zeros before it.
func appendPadded(dst []byte, n int64, digits int) []byte {
	for range digits {
		dst = append(dst, '0')
	}
	for i := len(dst) - 1; n > 0 && digits > 0; i, digits, n = i-1, digits-1, n/10 {
		dst[i] = byte('0' + n%10)
	}
	return dst
}
