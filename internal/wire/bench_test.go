package wire

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// BenchmarkInflater inflates batches as franz-go writes them by default: 64 KiB of
// records, frames with checksums, blocks of up to 4 MiB.
func BenchmarkInflater(b *testing.B) {
	data := readBatch(b, jsonBatch(b, None, 64)).compressed
	var frame bytes.Buffer
	w := lz4.NewWriter(&frame)
	if _, err := w.Write(data); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		b.Fatal(err)
	}
	for codec, payload := range map[Codec][]byte{LZ4: frame.Bytes(), Zstd: z.EncodeAll(data, nil)} {
		b.Run(codec.String(), func(b *testing.B) {
			batch := readBatch(b, encoding{codec: codec, payload: payload, count: 1}.bytes(b))
			var f Inflater
			buf := make([]byte, 0, 512<<10)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Inflate(buf, batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
