package importer

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

// TestBody_equalsItsBlocks reads random blocks in random portions, over again
// as the transport does when it rewinds, and compares with the blocks joined.
func TestBody_equalsItsBlocks(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		var blocks [][]byte
		for range rnd.IntN(6) {
			blocks = append(blocks, bytes.Repeat([]byte{byte(rnd.Int())}, rnd.IntN(50)))
		}
		want := bytes.Join(blocks, nil)
		b := &body{blocks: blocks, size: int64(len(want)), moved: func(bool) {}}
		for range 2 {
			r := b.reader()
			var got []byte
			for {
				p := make([]byte, 1+rnd.IntN(70))
				n, err := r.Read(p)
				got = append(got, p[:n]...)
				if whole, _ := b.state(); len(got) == len(want) && len(want) > 0 && !whole {
					t.Fatalf("seed %d: the last byte was handed over, and the body does not know", seed)
				}
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("seed %d: got %d bytes, want %d", seed, len(got), len(want))
			}
		}
	}
}

func TestBody_isShut(t *testing.T) {
	b := &body{blocks: [][]byte{[]byte("abc")}, size: 3, moved: func(bool) {}}
	r := b.reader()
	if n, err := r.Read(make([]byte, 2)); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	b.shut()
	for _, r := range []io.Reader{r, b.reader()} {
		if n, err := r.Read(make([]byte, 2)); n != 0 || !errors.Is(err, errBodyClosed) {
			t.Errorf("read %d bytes after shut, error %v", n, err)
		}
	}
	if whole, _ := b.state(); whole {
		t.Error("two of three bytes are not the whole")
	}
}

func TestBody_blocksShorterThanItsSize(t *testing.T) {
	b := &body{blocks: [][]byte{[]byte("abc")}, size: 4, moved: func(bool) {}}
	if _, err := io.ReadAll(b.reader()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}
