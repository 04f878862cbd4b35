package fetch

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// schemaTexts are the schemas that the tests' registry has, by id.
var schemaTexts = map[string]string{
	"1": `{"type":"record","name":"R","fields":[{"name":"id","type":"string"},{"name":"ns","type":"string"},{"name":"p","type":["null","string"]}]}`,
	"2": `["null",{"type":"record","name":"L","fields":[{"name":"id","type":"string"},{"name":"ns","type":"string"},{"name":"p","type":{"type":"array","items":"null"}}]}]`,
}

// registered answers as a schema registry does.
type registered struct{}

func (registered) RoundTrip(r *http.Request) (*http.Response, error) {
	text, ok := schemaTexts[strings.TrimPrefix(r.URL.Path, "/schemas/ids/")]
	if !ok {
		return &http.Response{StatusCode: http.StatusNotFound, Body: io.NopCloser(strings.NewReader(`{"error_code":40403}`)), Request: r}, nil
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"schema":` + strconv.Quote(text) + `}`)), Request: r}, nil
}

// avroValue is a value of schema 1.
func avroValue(id, ns, p string) []byte {
	b := []byte{0, 0, 0, 0, 1}
	for i, s := range []string{id, ns, p} {
		if i == 2 {
			b = append(b, 2) // the branch
		}
		b = append(binary.AppendVarint(b, int64(len(s))), s...)
	}
	return b
}

// manyNulls is a value of schema 2 that becomes five bytes for each item of which it
// has none.
func manyNulls(items int64) []byte {
	b := append([]byte{0, 0, 0, 0, 2, 2}, "\x02x\x02a"...)
	if items == 0 {
		return append(b, 0)
	}
	return append(binary.AppendVarint(b, items), 0)
}

// newSchemaRig makes a rig whose values name schemas, in a bubble.
func newSchemaRig(t *testing.T, change ...func(*Config)) *decoderRig {
	t.Helper()
	schemas := decode.NewSchemas(&decode.Registry{URL: "http://registry", Client: &http.Client{Transport: registered{}}}, decode.NewMetrics(nil))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = schemas.Run(t.Context())
	}()
	t.Cleanup(func() { <-done })
	return newDecoderRig(t, append(change, func(c *Config) {
		share := DecodedShare(c.BufferMaxBytes)
		c.Schemas, c.Decoded = schemas, NewAllowance(share, share)
	})...)
}

// know decodes until the schemas are known.
func (r *decoderRig) know(ids ...byte) {
	r.t.Helper()
	for _, id := range ids {
		chunks := r.decode(r.work(0, recordbatch.Batch{Records: []recordbatch.Record{{Offset: 0, Value: []byte{0, 0, 0, 0, id}}}}))
		for _, c := range chunks {
			if c.Fault != nil {
				<-c.Fault.Ready
			}
			c.Recycle()
		}
	}
	r.decoder.DropArena()
}

func TestDecoder_valuesBySchemas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSchemaRig(t, func(c *Config) {
			c.Keep = func(record.Reason) bool { return true }
			c.Skip = func(_ kafka.TopicPartition, offset int64) bool { return offset == 4 }
		})
		r.know(1, 2, 9)
		unknown := []byte{0, 0, 0, 0, 9}
		chunks := r.decode(r.work(0, recordbatch.Batch{Records: []recordbatch.Record{
			{Offset: 0, Value: avroValue("x", "a", "é\n")},
			{Offset: 1, Value: manyNulls(2)},
			{Offset: 2, Value: []byte(`{"id":"x","ns":"a"}`)},
			{Offset: 3, Value: unknown},
			{Offset: 4, Value: unknown},
			{Offset: 5, Value: nil},
			{Offset: 6, Value: []byte{0, 0, 0, 0, 2, 0}},
			{Offset: 7, Value: avroValue("y", "b", "")},
		}}))
		want := "0-8 (8 records)\na: 0={\"id\":\"x\",\"ns\":\"a\",\"p\":\"é\\n\"} 1={\"id\":\"x\",\"ns\":\"a\",\"p\":[null,null]}\nb: 7={\"id\":\"y\",\"ns\":\"b\",\"p\":\"\"}\n" +
			"2 not_decodable kept=true\n3 not_decodable kept=true\n4 operator\n5 tombstone kept=true\n6 tombstone kept=true\n"
		if got := told(chunks); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		if o := chunks[0].Rejects[1].Original; string(o.Value) != string(unknown) {
			t.Errorf("kept %q, not the record's own value", o.Value)
		}
		r.end(chunks)
	})
}

// TestDecoder_waitsForASchema: what comes before is delivered, and the rest can be
// read once the schema is there.
func TestDecoder_waitsForASchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSchemaRig(t)
		r.know(1)
		batch := recordbatch.Batch{Records: []recordbatch.Record{
			{Offset: 0, Value: avroValue("x", "a", "")}, {Offset: 1, Value: manyNulls(0)}, {Offset: 2, Value: avroValue("y", "a", "")},
		}}
		chunks := r.decode(r.work(0, batch))
		want := "0-1 (1 records)\na: 0={\"id\":\"x\",\"ns\":\"a\",\"p\":\"\"}\nfault 6 at 1\n"
		if got := told(chunks); got != want {
			t.Fatalf("got\n%s\nwant\n%s", got, want)
		}
		<-chunks[len(chunks)-1].Fault.Ready
		rest := r.decode(r.work(1, batch))
		want = "1-3 (2 records)\na: 1={\"id\":\"x\",\"ns\":\"a\",\"p\":[]} 2={\"id\":\"y\",\"ns\":\"a\",\"p\":\"\"}\n"
		if got := told(rest); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		r.end(append(chunks, rest...))
	})
}

// TestDecoder_catchesUpBySchemas: a catch-up read decodes as the main one does.
func TestDecoder_catchesUpBySchemas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSchemaRig(t)
		r.know(1, 9)
		w := r.work(0, recordbatch.Batch{Records: []recordbatch.Record{
			{Offset: 0, Value: avroValue("x", "a", "")}, {Offset: 1, Value: []byte{0, 0, 0, 0, 9}}, {Offset: 2, Value: avroValue("y", "b", "")},
		}})
		w.CatchUp = &CatchUpJob{Cursor: r.cursor, Wanted: map[string]bool{"b": true}}
		chunks := r.decode(w)
		if got, want := told(chunks), "0-3 (3 records)\nb: 2={\"id\":\"y\",\"ns\":\"b\",\"p\":\"\"}\n"; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		r.end(chunks)
	})
}

// TestDecoder_boundsTheJSON: what is made of values stays within its share, however
// few bytes they have, and nothing of it is overwritten.
func TestDecoder_boundsTheJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSchemaRig(t, func(c *Config) { c.BufferMaxBytes = 16 << 20 })
		r.know(1, 2)
		share := DecodedShare(r.cfg.BufferMaxBytes)
		var values [][]byte
		var want []string
		for i := range int64(40) {
			n := []int64{1000, 100_000, 200_000, 1 << 40}[i%4]
			values = append(values, manyNulls(n))
			text := "too_large"
			if n < 1<<20 {
				text = `{"id":"x","ns":"a","p":[` + strings.TrimSuffix(strings.Repeat("null,", int(n)), ",") + "]}"
			}
			want = append(want, text)
		}
		var batch recordbatch.Batch
		for i, v := range values {
			batch.Records = append(batch.Records, recordbatch.Record{Offset: int64(i), Value: v})
		}
		got := map[int64]string{}
		r.out = make(chan *Chunk)
		r.decoder.out = r.out
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.decoder.Serve(t.Context(), r.work(0, batch))
			close(r.out)
		}()
		for c := range r.out {
			if used := r.cfg.Decoded.Used(); used > share {
				t.Errorf("%d bytes of JSON are lent, the share is %d", used, share)
			}
			for _, j := range c.Rejects {
				got[j.Offset] = j.Reason.String()
			}
			for _, g := range c.Groups {
				for _, l := range g.Lines {
					got[l.Offset] = string(l.Bytes)
				}
			}
			c.Recycle()
		}
		<-done
		for i, text := range want {
			if got[int64(i)] != text {
				t.Errorf("record %d became %.60s (%d bytes), want %.60s (%d bytes)", i, got[int64(i)], len(got[int64(i)]), text, len(text))
			}
		}
		r.end(nil)
	})
}

// TestDecoder_decodersDoNotWaitForEachOthersJSON lets four decoders share little
// memory for inflated batches and little for JSON.
func TestDecoder_decodersDoNotWaitForEachOthersJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSchemaRig(t, func(c *Config) { c.BufferMaxBytes = 8 << 20 })
		r.know(1)
		r.fetched = NewAllowance(64<<20, 64<<20)
		r.out = make(chan *Chunk)
		ctx, cancel := context.WithCancel(t.Context())
		mapper, err := record.NewMapper(readSettings(t))
		if err != nil {
			t.Fatal(err)
		}
		const decoders, answers = 4, 3
		for i := range decoders {
			in := make(chan Work, answers)
			for range answers {
				var batches []recordbatch.Batch
				for j := range int64(3) {
					b := padded(uint64(i), 9, 60_000)
					b.Codec, b.Base = []wire.Codec{wire.None, wire.Zstd}[i/2], 9*j
					for k := range b.Records {
						b.Records[k].Offset += 9 * j
						b.Records[k].Value = avroValue(fmt.Sprint(k), "a", string(b.Records[k].Value))
					}
					batches = append(batches, b)
				}
				in <- r.work(0, batches...)
			}
			d := NewDecoder(&r.cfg, mapper, r.inflated, r.out)
			go d.Run(ctx, in)
		}
		records := 0
		go func() {
			for {
				select {
				case c := <-r.out:
					if c.Fault != nil {
						t.Error(c.Fault.Err)
					}
					records += c.Records
					c.Recycle()
				case <-ctx.Done():
					return
				}
			}
		}()
		synctest.Wait()
		if want := decoders * answers * 27; records != want {
			t.Errorf("%d records, then the decoders wait for each other; want %d", records, want)
		}
		cancel()
		synctest.Wait()
		if f, i, d := r.fetched.Used(), r.inflated.Used(), r.cfg.Decoded.Used(); f+i+d != 0 {
			t.Errorf("%d bytes of answers, %d inflated ones and %d of JSON are lent at the end", f, i, d)
		}
	})
}
