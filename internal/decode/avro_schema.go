package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// avroParser compiles schemas in JSON. It takes the registry's word that they are
// valid, and looks only at what reading data needs: names may be of any form, and
// defaults, aliases and order are passed over.
type avroParser struct {
	named map[string]avroType // by full name
	depth int
}

// parseAvro compiles a schema and those that it refers to, which come in an order
// in which each one is before those that need it.
func parseAvro(references []string, text string) (avroType, error) {
	p := avroParser{named: map[string]avroType{}}
	for _, reference := range references {
		if _, err := p.parse(reference); err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
	}
	return p.parse(text)
}

func (p *avroParser) parse(text string) (avroType, error) {
	var schema any
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		if strings.ContainsAny(text, `{["`) {
			return nil, errors.New("it is not JSON")
		}
		schema = text // a bare word, as some registries store a primitive type
	}
	return p.schema(schema, "")
}

// schema compiles a schema that stands in a namespace.
func (p *avroParser) schema(schema any, namespace string) (avroType, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errors.New("it nests deeper than 1000 levels")
	}
	defer func() { p.depth-- }()
	switch schema := schema.(type) {
	case string:
		return p.name(schema, namespace)
	case []any:
		union := make(avroUnion, len(schema))
		for i, branch := range schema {
			var err error
			if union[i], err = p.schema(branch, namespace); err != nil {
				return nil, err
			}
		}
		return union.read, nil
	case map[string]any:
		return p.object(schema, namespace)
	default:
		return nil, errors.New("a type is neither a name, an object nor a union")
	}
}

// name looks a type up: a primitive, or one that was defined before.
func (p *avroParser) name(name, namespace string) (avroType, error) {
	for _, t := range []avroType{avroPrimitives[name], p.named[fullName(name, namespace)], p.named[name]} {
		if t != nil {
			return t, nil
		}
	}
	return nil, fmt.Errorf("the type %.200q is not defined", name)
}

func fullName(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

func (p *avroParser) object(schema map[string]any, namespace string) (avroType, error) {
	word, ok := schema["type"].(string)
	if !ok {
		return p.schema(schema["type"], namespace)
	}
	switch word {
	case "array":
		item, err := p.schema(schema["items"], namespace)
		return avroArray(item), err
	case "map":
		value, err := p.schema(schema["values"], namespace)
		return avroMap(value), err
	case "record", "error", "enum", "fixed":
		return p.define(word, schema, namespace)
	}
	if t := logicalAvro(word, schema); t != nil {
		return t, nil
	}
	return p.name(word, namespace)
}

// define compiles a named type.
func (p *avroParser) define(word string, schema map[string]any, namespace string) (t avroType, err error) {
	name, _ := schema["name"].(string)
	if own, ok := schema["namespace"].(string); ok {
		namespace = own
	}
	full := fullName(name, namespace)
	switch word {
	case "enum":
		symbols, _ := schema["symbols"].([]any)
		enum := make(avroEnum, len(symbols))
		for i, s := range symbols {
			symbol, _ := s.(string)
			enum[i] = quoted(symbol)
		}
		t = enum.read
	case "fixed":
		if t, err = fixedAvro(schema); err != nil {
			return nil, fmt.Errorf("the fixed type %.200q %w", full, err)
		}
	default:
		record := &avroRecord{}
		p.named[full] = record.read
		return record.read, p.fields(record, schema, full[:max(0, strings.LastIndexByte(full, '.'))])
	}
	p.named[full] = t
	return t, nil
}

// fields compiles the fields of a record.
func (p *avroParser) fields(record *avroRecord, schema map[string]any, namespace string) error {
	fields, _ := schema["fields"].([]any)
	for i, f := range fields {
		field, _ := f.(map[string]any)
		name, _ := field["name"].(string)
		t, err := p.schema(field["type"], namespace)
		if err != nil {
			return err
		}
		record.fields = append(record.fields, avroField{key: "{,"[min(i, 1):][:1] + quoted(name) + ":", read: t})
	}
	return nil
}
