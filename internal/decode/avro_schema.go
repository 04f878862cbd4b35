package decode

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
)

// avroParser builds nodes out of schemas in JSON. It takes the registry's word for
// that they are valid, and looks only at what reading data needs: names may be of
// any form, and defaults, aliases and order are passed over.
type avroParser struct {
	named map[string]*avroNode // by full name
	depth int
}

// parseAvro compiles a schema and those that it refers to, which come in an order
// in which each one is before those that need it.
func parseAvro(references []string, text string) (*avroNode, error) {
	p := avroParser{named: map[string]*avroNode{}}
	for _, reference := range references {
		if _, err := p.parse(reference); err != nil {
			return nil, fmt.Errorf("reference: %w", err)
		}
	}
	return p.parse(text)
}

func (p *avroParser) parse(text string) (*avroNode, error) {
	var schema any
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		if strings.ContainsAny(text, `{["`) {
			return nil, errors.New("it is not JSON")
		}
		schema = text // a bare word, as some registries store a primitive type
	}
	return p.schema(schema, "")
}

var avroPrimitives = map[string]avroKind{
	"null": avroNull, "boolean": avroBoolean, "int": avroInt, "long": avroLong, "float": avroFloat,
	"double": avroDouble, "bytes": avroBytes, "string": avroString,
}

// schema builds the node of a schema that stands in a namespace.
func (p *avroParser) schema(schema any, namespace string) (*avroNode, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, errors.New("it nests deeper than 1000 levels")
	}
	defer func() { p.depth-- }()
	switch schema := schema.(type) {
	case string:
		return p.name(schema, namespace)
	case []any:
		n := &avroNode{kind: avroUnion}
		for _, branch := range schema {
			b, err := p.schema(branch, namespace)
			if err != nil {
				return nil, err
			}
			n.nodes = append(n.nodes, b)
		}
		return n, nil
	case map[string]any:
		return p.object(schema, namespace)
	default:
		return nil, errors.New("a type is neither a name, an object nor a union")
	}
}

// name looks a type up: a primitive, or one that was defined before.
func (p *avroParser) name(name, namespace string) (*avroNode, error) {
	if kind, ok := avroPrimitives[name]; ok {
		return &avroNode{kind: kind}, nil
	}
	if n, ok := p.named[fullName(name, namespace)]; ok {
		return n, nil
	}
	if n, ok := p.named[name]; ok {
		return n, nil
	}
	return nil, fmt.Errorf("the type %.200q is not defined", name)
}

func fullName(name, namespace string) string {
	if namespace == "" || strings.Contains(name, ".") {
		return name
	}
	return namespace + "." + name
}

func (p *avroParser) object(schema map[string]any, namespace string) (*avroNode, error) {
	word, ok := schema["type"].(string)
	if !ok {
		return p.schema(schema["type"], namespace)
	}
	switch word {
	case "record", "error", "enum", "fixed":
		return p.define(word, schema, namespace)
	case "array", "map":
		n := &avroNode{kind: avroArray}
		items := schema["items"]
		if word == "map" {
			n.kind, items = avroMap, schema["values"]
		}
		item, err := p.schema(items, namespace)
		n.nodes = []*avroNode{item}
		return n, err
	}
	n, err := p.name(word, namespace)
	if err != nil {
		return nil, err
	}
	if _, primitive := avroPrimitives[word]; primitive {
		n.annotate(schema)
	}
	return n, nil
}

// define builds a named type. It is known by its name before its fields are, which
// may refer to it.
func (p *avroParser) define(word string, schema map[string]any, namespace string) (*avroNode, error) {
	name, _ := schema["name"].(string)
	if own, ok := schema["namespace"].(string); ok {
		namespace = own
	}
	full := fullName(name, namespace)
	namespace = full[:max(0, strings.LastIndexByte(full, '.'))]
	n := &avroNode{}
	p.named[full] = n
	switch word {
	case "enum":
		n.kind = avroEnum
		symbols, _ := schema["symbols"].([]any)
		for _, s := range symbols {
			symbol, _ := s.(string)
			n.symbols = append(n.symbols, quoted(symbol))
		}
		return n, nil
	case "fixed":
		size, ok := wholeNumber(schema["size"])
		if !ok {
			return nil, fmt.Errorf("the fixed type %.200q has no size", full)
		}
		n.kind, n.fixed, n.size = avroBytes, true, size
		n.annotate(schema)
		return n, nil
	}
	n.kind = avroRecord
	fields, _ := schema["fields"].([]any)
	for i, f := range fields {
		field, _ := f.(map[string]any)
		name, _ := field["name"].(string)
		node, err := p.schema(field["type"], namespace)
		if err != nil {
			return nil, err
		}
		n.fields = append(n.fields, avroField{key: "{,"[min(i, 1):][:1] + quoted(name) + ":", node: node})
	}
	return n, nil
}

// annotate applies a logical type. One that is not known, or does not fit the type,
// is passed over, as the specification wants it.
func (n *avroNode) annotate(schema map[string]any) {
	logical, _ := schema["logicalType"].(string)
	word, unit := logical, ""
	if i := strings.LastIndexByte(logical, '-'); i > 0 {
		word, unit = logical[:i], logical[i+1:]
	}
	n.perSecond = map[string]int64{"millis": 1e3, "micros": 1e6, "nanos": 1e9}[unit]
	switch kind := n.kind; {
	case kind == avroBytes && logical == "decimal":
		n.annotateDecimal(schema)
	case n.fixed && logical == "uuid" && n.size == 16:
		n.kind = avroUUID
	case n.fixed && logical == "duration" && n.size == 12:
		n.kind = avroDuration
	case kind == avroInt && logical == "date":
		n.kind = avroDate
	case kind == avroInt && logical == "time-millis", kind == avroLong && word == "time" && n.perSecond > 1e3:
		n.kind = avroTimeOfDay
	case kind == avroLong && word == "timestamp" && n.perSecond > 0:
		n.kind, n.zone = avroTimestamp, "Z"
	case kind == avroLong && word == "local-timestamp" && n.perSecond > 0:
		n.kind = avroTimestamp
	}
}

func (n *avroNode) annotateDecimal(schema map[string]any) {
	precision, ok := wholeNumber(schema["precision"])
	scale, given := wholeNumber(schema["scale"])
	if _, there := schema["scale"]; ok && precision > 0 && (!there || given && scale <= precision) {
		n.kind, n.scale = avroDecimal, scale
	}
}

// wholeNumber returns v as an integer, if it is one that is not negative.
func wholeNumber(v any) (n int, ok bool) {
	f, ok := v.(float64)
	if !ok || f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return 0, false
	}
	return int(f), true
}
