package record

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"
)

// seen is what a scanner knows of a value.
type seen struct {
	ok                bool
	start, end, space int
	newline           bool
	objectNewline     bool
	values            [watchCount]span
	ids               []span
}

func (s *scanner) seen(ok bool) seen {
	if !ok {
		return seen{}
	}
	all := seen{ok: true, start: s.start, end: s.end, space: s.space, newline: s.newline, ids: append([]span{}, s.ids...)}
	for w := range watchCount {
		if value, ok := s.value(w); ok {
			all.values[w] = value
			if w == watchObject && s.data[value.start] == '{' {
				all.objectNewline = s.objectNewline
			}
		}
	}
	return all
}

func watching() *scanner {
	s := &scanner{}
	s.watch(watchLineID, []string{"id"})
	s.watch(watchObject, []string{"a"})
	s.watch(watchNamespace, []string{"a", "ns"})
	s.watch(watchID, []string{"a", "b", "longer key"})
	return s
}

// quick walks the value by its index.
func (s *scanner) quick(value []byte) bool {
	s.indexed = s.index(value)
	return s.indexed && s.walk(value)
}

// slow walks the value byte by byte.
func (s *scanner) slow(value []byte) bool {
	s.indexed, s.escapes = false, false
	return s.walk(value)
}

// sameSeen compares both walks, and so that each value is at the end of its
// memory.
func sameSeen(t testing.TB, quick, walk *scanner, value []byte) {
	t.Helper()
	value = value[:len(value):len(value)]
	want := walk.seen(walk.slow(value))
	if got := quick.seen(quick.quick(value)); !reflect.DeepEqual(got, want) && (indexing || got.ok) {
		t.Fatalf("value %q\nquick %+v\n walk %+v, %v", value, got, want, walk.failed)
	}
	if end := bytes.IndexByte(value, '"'); want.ok && indexing && end >= 0 {
		quick.indexed, walk.indexed = true, false
		if got, want := quick.stringEnd(end), walk.stringEnd(end); got != want {
			t.Fatalf("value %q: string at %d ends at %d, want %d", value, end, got, want)
		}
	}
}

// pieces of strings, right and wrong ones.
var stringPieces = []string{
	`x`, `id`, `ns`, `longer key`, `\"`, `\\`, `\\\\\"`, `\u0069d`, `\ud83d`, `\n`, `é`, `日本`, `😀`, "\u07ff\u0800\ud7ff\ue000\U0010ffff", ` {[,:]} `,
	`plain text of about forty characters, so`, strings.Repeat("=", 63),
}

var brokenPieces = []string{
	`\`, `\x`, `\u12`, `\u12g4`, "\x00", "\n", "\x1f", "\xff", "\xc3", "\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
	"\xc1\xbf", "\xe6\x97", "\xf0\x9f\x98", `"`, `{`, `]`, `,`, `:`, ` `, "\\\"", `0`, `-`, `e`, `tru`,
}

type valueMaker struct {
	rnd   *rand.Rand
	space []string
	out   bytes.Buffer
}

func (m *valueMaker) one(from ...string) { m.out.WriteString(from[m.rnd.IntN(len(from))]) }
func (m *valueMaker) gap()               { m.one(m.space...) }

func (m *valueMaker) text() {
	m.out.WriteByte('"')
	for range m.rnd.IntN(4) {
		m.one(stringPieces...)
	}
	m.out.WriteByte('"')
}

func (m *valueMaker) value(depth int) {
	switch kind := m.rnd.IntN(8); {
	case kind < 3:
		m.text()
	case kind == 3:
		m.one("0", "-0", "-12.50", "123456789012345678901234567890", "1e5", "0.1234567890E-17", "1234567", "12345678", "7E+0")
	case kind == 4:
		m.one("true", "false", "null")
	case depth > 4:
		m.one("[]", "{}")
	case kind == 5:
		m.many("[", "]", func() { m.value(depth + 1) })
	default:
		m.object(depth + 1)
	}
}

func (m *valueMaker) many(before, after string, one func()) {
	m.out.WriteString(before)
	m.gap()
	for i := range m.rnd.IntN(5) {
		if i > 0 {
			m.out.WriteByte(',')
			m.gap()
		}
		one()
		m.gap()
	}
	m.out.WriteString(after)
}

func (m *valueMaker) object(depth int) {
	m.many("{", "}", func() {
		if m.rnd.IntN(2) == 0 {
			m.one(`"id"`, `"a"`, `"b"`, `"ns"`, `"longer key"`, `"\u0061"`, `""`, `"in"`)
		} else {
			m.text()
		}
		m.gap()
		m.out.WriteByte(':')
		m.gap()
		m.value(depth)
	})
}

// damage puts something wrong at a place, or takes some bytes away.
func damage(rnd *rand.Rand, value []byte) []byte {
	at := rnd.IntN(len(value))
	end := min(at+rnd.IntN(3), len(value))
	broken := ""
	if rnd.IntN(4) > 0 {
		broken = brokenPieces[rnd.IntN(len(brokenPieces))]
	}
	return append(append(bytes.Clone(value[:at]), broken...), value[end:]...)
}

// TestScanner_quickAgreesWithWalk draws values whose strings, escapes and
// characters cross the blocks' borders everywhere, and damages some.
func TestScanner_quickAgreesWithWalk(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	quick, walk := watching(), watching()
	right := 0
	for range 20_000 {
		m := valueMaker{rnd: rnd, space: [][]string{{""}, {""}, {"", " ", "\t"}, {"\n  ", " ", "\r\n"}}[rnd.IntN(4)]}
		m.gap()
		m.object(0)
		m.gap()
		value := m.out.Bytes()
		if rnd.IntN(3) == 0 {
			value = damage(rnd, value)
		}
		sameSeen(t, quick, walk, value)
		if walk.failed.fault == faultNone {
			right++
		}
	}
	if right < 5_000 || right > 18_000 {
		t.Errorf("%d values of 20000 were right", right)
	}
}

func FuzzScanner_quickAgreesWithWalk(f *testing.F) {
	for _, piece := range append(stringPieces, brokenPieces...) {
		for _, pad := range []int{0, 50, 51, 52, 53, 115} {
			f.Add(fmt.Appendf(nil, `{"id":"%s%s","a":{"ns":[1]}}`, strings.Repeat("x", pad), piece))
		}
	}
	f.Fuzz(func(t *testing.T, value []byte) { sameSeen(t, watching(), watching(), value) })
}

// TestClassify_everyByteEverywhere compares each bit with the byte it stands for.
func TestClassify_everyByteEverywhere(t *testing.T) {
	needsIndex(t)
	var src, tail [blockSize]byte
	for c := range 256 {
		for i := range blockSize {
			src[i] = byte(c + i)
			tail[blockSize-1-i] = byte(c + i + blockSize)
		}
		var got [2]block
		high := classify(&got[0], &src[0], 1, &tail[0])
		both, any := append(src[:], tail[:]...), false
		for i, b := range both {
			block, bit := got[i/blockSize], uint64(1)<<(i%blockSize)
			if block.quotes&bit != 0 != (b == '"') || block.backslashes&bit != 0 != (b == '\\') || block.controls&bit != 0 != (b < ' ') {
				t.Fatalf("byte %#x at %d: %+v", b, i, block)
			}
			any = any || b >= 0x80
		}
		if high != 0 != any {
			t.Fatalf("from %#x on: high is %#x, want %v", c, high, any)
		}
	}
}

// TestInvalidUTF8_agreesWithLibrary tries all that three bytes can be, the borders
// of four, and cuts of longer texts, around a block's border.
func TestInvalidUTF8_agreesWithLibrary(t *testing.T) {
	needsIndex(t)
	var src, tail [blockSize]byte
	check := func(text []byte, at int) {
		src, tail = blanks, blanks
		copy(src[at:], text)
		if over := at + len(text) - blockSize; over > 0 {
			copy(tail[:], text[len(text)-over:])
		}
		if got, want := invalidUTF8(&src[0], 1, &tail[0]) == 0, utf8.Valid(text); got != want {
			t.Fatalf("%x at %d: valid %v, want %v", text, at, got, want)
		}
	}
	text := make([]byte, 4)
	edges := []byte{0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff}
	for a := range 256 {
		for b := range 256 {
			text[0], text[1] = byte(a), byte(b)
			check(text[:2], 63)
			check(text[:2], 31)
			if a < 0xc0 {
				continue
			}
			for _, c := range edges {
				text[2] = c
				check(text[:3], 61+b%3)
				for _, d := range edges[:len(edges)*(a/0xe0)] {
					text[3] = d
					check(text, 61+b%3)
				}
			}
		}
	}
	long := []byte(strings.Repeat("aé日😀", 5))
	for from := range long {
		for to := from; to < len(long); to++ {
			check(long[from:to], 40)
		}
	}
}

func needsIndex(t *testing.T) {
	t.Helper()
	if !indexing {
		t.Skip("this processor indexes no quotes")
	}
}

// TestScanner_sizesOfTheIndex: the index ends with its value, is made once, and stays
// small.
func TestScanner_sizesOfTheIndex(t *testing.T) {
	needsIndex(t)
	s := watching()
	for _, size := range []int{64, 65, 127, 128, 129, 4096, maxIndexed, maxIndexed + 1} {
		value := []byte(`{"id":"` + strings.Repeat("x", size-9) + `"}`)
		if got := s.quick(value); got != (size <= maxIndexed) {
			t.Errorf("%d bytes: quick is %v", size, got)
		}
	}
	size := unsafe.Sizeof(block{})
	if size != 24 {
		t.Errorf("a block has %d bytes; classify writes 24", size)
	}
	if kept := cap(s.blocks) * int(size); kept > maxIndexed/2 {
		t.Errorf("the index keeps %d bytes", kept)
	}
	large := []byte(`{"id":"` + strings.Repeat("x", maxIndexed-9) + `"}`)
	if n := testing.AllocsPerRun(10, func() { s.quick(large) }); n != 0 {
		t.Errorf("a large value takes %v allocations", n)
	}
}
