package decode

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The types of schemas, as the registry names them.
const (
	typeAvro     = "AVRO"
	typeProtobuf = "PROTOBUF"
	typeJSON     = "JSON"
)

// schema is a compiled schema. It is immutable and safe for concurrent use.
type schema struct {
	kind  string // typeAvro, typeProtobuf, typeJSON, or what else the registry calls it; "" of one that is too large
	avro  avroType
	proto *protoFile
	size  int   // bytes of its text and those of its references
	fault error // why it cannot be used: the records that name it cannot be decoded
}

// document is a schema as the registry has it.
type document struct {
	Schema     string      `json:"schema"`
	SchemaType string      `json:"schemaType"` // empty is Avro
	References []reference `json:"references"`
}

// kind is the type of the schema.
func (d *document) kind() string {
	if d.SchemaType == "" {
		return typeAvro
	}
	return strings.ToUpper(d.SchemaType)
}

// reference is a schema that another one uses, by the name that it has there.
type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// compile makes a schema of a document and what it uses.
func compile(ctx context.Context, d *document, used *collector) (s *schema) {
	s = &schema{kind: d.kind(), size: used.size}
	defer func() {
		if p := recover(); p != nil { // a schema that a compiler stumbles over holds its own records only
			s.fault = fmt.Errorf("its compiler fails: %.200v", p)
		}
	}()
	var err error
	switch s.kind {
	case typeAvro:
		s.avro, err = parseAvro(used.texts, d.Schema)
	case typeProtobuf:
		s.proto, err = parseProto(ctx, used.byName, d.Schema)
	case typeJSON:
	default:
		err = fmt.Errorf("its type %.20q is neither AVRO, PROTOBUF nor JSON", d.SchemaType)
	}
	if err != nil {
		s.fault = errors.New(shortened(err.Error()))
	}
	return s
}

// shortened keeps a compiler's message short enough for a log.
func shortened(text string) string {
	if len(text) <= 300 {
		return text
	}
	return strings.ToValidUTF8(text[:300], "") + "…"
}
