package importer

import (
	"bytes"
	"io"
	"testing"
)

// A full batch on its way to the transport.
func BenchmarkBody_read(b *testing.B) {
	var blocks [][]byte
	for range 32 {
		blocks = append(blocks, bytes.Repeat([]byte("x"), 256<<10))
	}
	buf := make([]byte, 64<<10)
	b.SetBytes(8 << 20)
	b.ReportAllocs()
	for b.Loop() {
		r := (&body{blocks: blocks, size: 8 << 20, guard: func() error { return nil }, moved: func(bool) {}}).reader()
		var read int
		for {
			n, err := r.Read(buf)
			read += n
			if err == io.EOF {
				break
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		if read != 8<<20 {
			b.Fatalf("read %d bytes", read)
		}
	}
}

// The answer to a create call.
func BenchmarkParseGrant(b *testing.B) {
	answer := []byte(`{"expires_at":"2026-11-24T00:00:00Z","objectKey":"imports/listings/0193-abc.jsonl","requestId":"req_0193abcdef","status":"pending_upload",` +
		`"upload_url":"https://bucket.s3.eu-central-1.amazonaws.com/imports/listings/0193-abc.jsonl?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=43200&X-Amz-Signature=0123456789abcdef"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseGrant(answer, false); err != nil {
			b.Fatal(err)
		}
	}
}
