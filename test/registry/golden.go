package registry

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Schema is what is registered under a subject.
type Schema struct {
	Type       string      `json:"type"` // AVRO, PROTOBUF or JSON
	Subject    string      `json:"subject"`
	Text       string      `json:"text"`
	References []Reference `json:"references"`
}

// Reference is a schema that another one uses, by the name that it has there.
type Reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Golden is a schema, those that it refers to, and records written by it.
type Golden struct {
	Schema
	Schemas []Schema `json:"schemas"`
	Records []Record `json:"records"`
}

// Record is a record without what names its schema, and the JSON that it becomes.
type Record struct {
	Indexes []int64 `json:"indexes"` // of a Protobuf message
	Body    []byte  `json:"body"`
	Want    string  `json:"want"`
}

// ReadGolden reads the golden files, which other implementations have written. dir is
// their folder.
func ReadGolden(tb testing.TB, dir string) (all []Golden) {
	tb.Helper()
	for _, name := range []string{"avro.json", "protobuf.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			tb.Fatal(err)
		}
		var groups []Golden
		if err := json.Unmarshal(text, &groups); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		for _, g := range groups {
			for i := range g.Schemas {
				g.Schemas[i].Type = g.Type
			}
			all = append(all, g)
		}
	}
	return all
}

// Named returns what names the message type of a Protobuf record, nothing for others.
func (r *Record) Named() (b []byte) {
	if r.Indexes == nil {
		return nil
	}
	b = binary.AppendVarint(b, int64(len(r.Indexes)))
	for _, i := range r.Indexes {
		b = binary.AppendVarint(b, i)
	}
	return b
}

// Value returns the value of a record that names its schema by an id.
func (r *Record) Value(id uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0}, id)
	return append(append(b, r.Named()...), r.Body...)
}
