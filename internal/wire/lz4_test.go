package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/pierrec/lz4/v4"
)

// lz4Of compresses data into one frame.
func lz4Of(t testing.TB, data []byte, options ...lz4.Option) []byte {
	t.Helper()
	var out bytes.Buffer
	w := lz4.NewWriter(&out)
	if err := w.Apply(options...); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// lz4Text is data that compresses, with a stretch in it that does not.
func lz4Text(n int) []byte {
	rng := rand.New(rand.NewPCG(3, 3))
	data := make([]byte, 0, n+40)
	for len(data) < n {
		if len(data) > n/4 && len(data) < n/2 {
			data = binary.LittleEndian.AppendUint64(data, rng.Uint64())
			continue
		}
		data = append(data, "some words that come again and again "[rng.IntN(20):]...)
	}
	return data[:n]
}

// linkedLZ4 is a frame whose second block refers to its first, as librdkafka may
// write them: it stands for "0123456789abcdef" and "x3456789abcdeftail!".
func linkedLZ4() []byte {
	frame := []byte{0x04, 0x22, 0x4d, 0x18, lz4Version, 4 << 4, 0xc0}
	frame = binary.LittleEndian.AppendUint32(frame, 16|lz4Stored)
	frame = append(frame, "0123456789abcdef"...)
	second := []byte{1<<4 | 9, 'x', 14, 0, 5 << 4} // a literal; 13 bytes from 14 back; literals
	second = append(second, "tail!"...)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(second)))
	return append(append(frame, second...), 0, 0, 0, 0)
}

func readLZ4(frames []byte) ([]byte, error) {
	return io.ReadAll(lz4.NewReader(bytes.NewReader(frames)))
}

func TestInflateLZ4_agreesWithTheReader(t *testing.T) {
	cases := map[string][]byte{"linked blocks": linkedLZ4(), "nothing in it": lz4Of(t, nil)}
	for _, size := range []int{1, 100, 64 << 10, 64<<10 + 1, 300 << 10, 5 << 20} {
		data := lz4Text(size)
		for name, options := range map[string][]lz4.Option{
			"default":       nil,
			"small blocks":  {lz4.BlockSizeOption(lz4.Block64Kb)},
			"block sums":    {lz4.BlockSizeOption(lz4.Block256Kb), lz4.BlockChecksumOption(true)},
			"no sums":       {lz4.ChecksumOption(false)},
			"with its size": {lz4.SizeOption(uint64(size)), lz4.BlockSizeOption(lz4.Block1Mb)},
		} {
			cases[fmt.Sprintf("%s, %d bytes", name, size)] = lz4Of(t, data, options...)
		}
	}
	for name, frames := range cases {
		t.Run(name, func(t *testing.T) {
			want, err := readLZ4(frames)
			if err != nil {
				t.Fatal(err)
			}
			for _, room := range []int{len(want), len(want) + 1, 2 * len(want)} {
				got, err := inflateLZ4(make([]byte, 0, room), frames)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("room for %d: %v, %d bytes instead of %d", room, err, len(got), len(want))
				}
			}
			for _, room := range []int{0, 1, len(want) / 2, len(want) - 1} {
				if room >= 0 && room < len(want) {
					if _, err := inflateLZ4(make([]byte, 0, room), frames); !errors.Is(err, ErrInflatesTooMuch) {
						t.Errorf("room for %d of %d bytes: %v", room, len(want), err)
					}
				}
			}
		})
	}
}

// TestInflateLZ4_cutOff: no beginning of a frame passes for a frame.
func TestInflateLZ4_cutOff(t *testing.T) {
	whole := lz4Of(t, lz4Text(3000), lz4.SizeOption(3000), lz4.BlockChecksumOption(true))
	for n := range whole {
		if got, err := inflateLZ4(make([]byte, 0, 1<<20), whole[:n]); err == nil {
			t.Fatalf("%d of %d bytes were taken for %d", n, len(whole), len(got))
		}
	}
}

// A frame is read, whatever it says of its size and whatever follows it, as Java's
// client reads it.
func TestInflateLZ4_oneFrameAsJavaReadsIt(t *testing.T) {
	want := lz4Text(70 << 10)
	wrong := lz4Of(t, want, lz4.SizeOption(70<<10))
	wrong[6]++ // the size's lowest byte; nobody looks at the header's sum
	frame := lz4Of(t, want)
	for name, frames := range map[string][]byte{
		"of another size than it says": wrong,
		"and zeros":                    append(frame[:len(frame):len(frame)], make([]byte, 40)...),
		"and another one":              append(frame[:len(frame):len(frame)], lz4Of(t, lz4Text(10))...),
		"and half of another one":      append(frame[:len(frame):len(frame)], lz4Of(t, lz4Text(10))[:11]...),
	} {
		if got, err := inflateLZ4(make([]byte, 0, len(want)), frames); err != nil || !bytes.Equal(got, want) {
			t.Errorf("a frame %s: %v, %d bytes instead of %d", name, err, len(got), len(want))
		}
	}
}

// Neither Java's client nor a broker, which reads what is sent to it, takes other forms.
func TestInflateLZ4_refusesOtherForms(t *testing.T) {
	frame := lz4Of(t, lz4Text(1000))
	dictionary := append([]byte(nil), frame...)
	dictionary[4] |= 1
	for name, src := range map[string][]byte{
		"legacy": lz4Of(t, lz4Text(1000), lz4.LegacyOption(true)), "a dictionary": dictionary,
		"behind a skippable frame": append([]byte("\x50\x2a\x4d\x18\x03\x00\x00\x00odd"), frame...),
	} {
		if got, err := inflateLZ4(make([]byte, 0, 1<<20), src); !errors.Is(err, errLZ4) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// FuzzInflateLZ4: of what the reader takes the first frame comes out the same, unless it
// is of another form, and what it refuses is refused, but for sums that only it looks
// at, and what follows the frame.
func FuzzInflateLZ4(f *testing.F) {
	f.Add(linkedLZ4())
	f.Add(lz4Of(f, lz4Text(300)))
	f.Add(lz4Of(f, lz4Text(300), lz4.BlockChecksumOption(true), lz4.SizeOption(300)))
	f.Add(append(lz4Of(f, lz4Text(30)), lz4Of(f, []byte("more"))...))
	f.Fuzz(func(t *testing.T, frames []byte) {
		const limit = 1 << 20
		want, wantErr := readLZ4(frames)
		got, err := inflateLZ4(make([]byte, 0, limit), frames)
		switch {
		case len(want) > limit || len(frames) == 0 || errors.Is(err, ErrInflatesTooMuch):
		case wantErr == nil && (err != nil && !errors.Is(err, errLZ4) || !bytes.HasPrefix(want, got)):
			t.Fatalf("%v, %d bytes instead of %d", err, len(got), len(want))
		case wantErr != nil && err == nil && !bytes.HasPrefix(want, got) && !errors.Is(wantErr, lz4.ErrInvalidBlockChecksum) &&
			!errors.Is(wantErr, lz4.ErrInvalidFrameChecksum) && !errors.Is(wantErr, lz4.ErrInvalidHeaderChecksum):
			t.Fatalf("taken, though %v", wantErr)
		}
	})
}
