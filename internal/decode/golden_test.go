package decode_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/test/registry"
)

// kept answers as a registry that has the golden files' schemas, by path.
type kept map[string]string

func (k kept) RoundTrip(r *http.Request) (*http.Response, error) {
	text, ok := k[r.URL.EscapedPath()]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (k kept) add(path string, s registry.Schema) {
	text, err := json.Marshal(map[string]any{"schema": s.Text, "schemaType": s.Type, "references": s.References})
	if err != nil {
		panic(err)
	}
	k[path] = string(text)
}

// guid is the header by which a record names its schema.
type guid []byte

func (g guid) Header(name string) ([]byte, bool) { return g, name == decode.Header && g != nil }

// TestDecoder_readsWhatOthersWrote decodes what fastavro and Google's library have
// written, by the id before the value and by a GUID in the header.
func TestDecoder_readsWhatOthersWrote(t *testing.T) {
	groups := registry.ReadGolden(t, "testdata/golden")
	answers := kept{}
	for i, g := range groups {
		for _, s := range g.Schemas {
			answers.add("/subjects/"+url.PathEscape(s.Subject)+"/versions/1", s)
		}
		answers.add("/schemas/ids/"+strconv.Itoa(i+1), g.Schema)
		answers.add("/schemas/guids/00000000-0000-0000-0000-00000000000"+strconv.Itoa(i+1), g.Schema)
	}
	schemas := decode.NewSchemas(&decode.Registry{URL: "http://registry", Client: &http.Client{Transport: answers}}, decode.NewMetrics(nil))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = schemas.Run(ctx)
	}()
	defer func() { stop(); <-done }()
	d := schemas.Decoder()
	for i, g := range groups {
		for j, r := range g.Records {
			header := append([]byte{1, 15: 0, 16: byte(i + 1)}, r.Named()...)
			for way, got := range map[string]string{
				"by id":   decoded(t, d, r.Value(uint32(i+1)), nil),
				"by GUID": decoded(t, d, r.Body, header),
			} {
				if !reflect.DeepEqual(parsed(t, got), parsed(t, r.Want)) {
					t.Errorf("%s, record %d %s:\n got %s\nwant %s", g.Subject, j, way, got, r.Want)
				}
			}
		}
	}
}

func decoded(t *testing.T, d *decode.Decoder, value []byte, header guid) string {
	t.Helper()
	for {
		text, _, err := d.Decode(make([]byte, 0, 1<<16), value, header, time.Time{})
		w, waits := errors.AsType[*decode.Waiting](err)
		if !waits {
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		<-w.Ready
	}
}

func parsed(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}
