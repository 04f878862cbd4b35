package registry

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/decode"
)

// equal compares JSON by value, with all digits of its numbers.
func equal(t *testing.T, got, want string) bool {
	t.Helper()
	read := func(text string) (v any) {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	return reflect.DeepEqual(numbers(read(got)), numbers(read(want)))
}

// numbers writes numbers in one notation: integers keep all digits, others are floats.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		switch {
		case err == nil && strings.ContainsAny(v.String(), ".eE") && (f != math.Trunc(f) || math.Abs(f) > 1<<53):
			return f
		case err == nil && math.Abs(f) < 1<<53:
			return int64(f) // -0 is 0 here
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

// decoded decodes a value, waiting for its schema.
func decoded(t *testing.T, d *decode.Decoder, value []byte) (string, error) {
	t.Helper()
	for {
		text, _, err := d.Decode(make([]byte, 0, 1<<16), value, nil, time.Now().Add(-time.Hour))
		w, waits := errors.AsType[*decode.Waiting](err)
		if !waits {
			return string(text), err
		}
		if w.Err != nil {
			return "", w.Err
		}
		<-w.Ready
	}
}

// TestDecode_readsWhatOthersWroteByARealRegistrysSchemas registers the schemas of the
// golden files, with their references, and decodes their records by the ids that the
// registry gave.
func TestDecode_readsWhatOthersWroteByARealRegistrysSchemas(t *testing.T) {
	r := Start(t)
	schemas := decode.NewSchemas(&decode.Registry{URL: r.URL, Client: &http.Client{Timeout: 30 * time.Second}}, decode.NewMetrics(nil))
	if err := schemas.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = schemas.Run(ctx)
	}()
	defer func() { stop(); <-done }()
	d := schemas.Decoder()
	records := 0
	for _, g := range ReadGolden(t, "../../internal/decode/testdata/golden") {
		for _, s := range g.Schemas {
			r.Register(t, s)
		}
		id := r.Register(t, g.Schema)
		for i, record := range g.Records {
			got, err := decoded(t, d, record.Value(id))
			if err != nil {
				t.Errorf("%s, record %d: %v", g.Subject, i, err)
			} else if !equal(t, got, record.Want) {
				t.Errorf("%s, record %d:\n got %s\nwant %s", g.Subject, i, got, record.Want)
			}
			records++
		}
	}
	if records < 15 {
		t.Errorf("only %d records were decoded", records)
	}
	id := r.Register(t, Schema{Type: "JSON", Subject: "json", Text: `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"}`})
	if got, err := decoded(t, d, (&Record{Body: []byte(`{ "id": 1 }`)}).Value(id)); err != nil || got != `{ "id": 1 }` {
		t.Errorf("JSON Schema: %s, %v", got, err)
	}
	if _, err := decoded(t, d, (&Record{}).Value(999_999)); err == nil || !strings.Contains(err.Error(), "does not have it") {
		t.Errorf("an id that does not exist: %v", err)
	}
}
