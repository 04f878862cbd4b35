package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// object is a node of a JSON document.
type object = map[string]any

const (
	componentPrefix  = "#/components/schemas/"
	definitionPrefix = "#/definitions/"
)

// writeBuiltin writes the schemas of a group's kinds, each with the definitions
// that it refers to.
func writeBuiltin(dir, module string, f builtinFile) error {
	text, err := os.ReadFile(filepath.Join(module, f.path))
	if err != nil {
		return fmt.Errorf("read document: %w", err)
	}
	var document struct {
		Components struct{ Schemas map[string]object }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("decode document: %w", err)
	}
	for _, kind := range f.kinds {
		name, gvk, err := find(document.Components.Schemas, kind)
		if err != nil {
			return err
		}
		if err := write(dir, gvk, bundle(document.Components.Schemas, name)); err != nil {
			return err
		}
	}
	return nil
}

// groupVersionKind names a kind of the API.
type groupVersionKind struct{ Group, Version, Kind string }

// find returns the name of the component that is this kind and no other: types
// that many groups share, like DeleteOptions, carry a list of them.
func find(schemas map[string]object, kind string) (string, groupVersionKind, error) {
	for name, schema := range schemas {
		kinds, _ := schema["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 {
			continue
		}
		gvk := kinds[0].(object)
		if gvk["kind"] == kind {
			return name, groupVersionKind{gvk["group"].(string), gvk["version"].(string), kind}, nil
		}
	}
	return "", groupVersionKind{}, errors.New("no schema of the kind " + kind)
}

// bundle is a schema that stands alone: a reference to the named one, and every
// definition that it needs.
func bundle(schemas map[string]object, name string) object {
	definitions := object{}
	var include func(node any)
	include = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, child := range node {
				include(child)
			}
		case object:
			for key, child := range node {
				ref, isText := child.(string)
				if key != "$ref" || !isText {
					include(child)
					continue
				}
				target := strings.TrimPrefix(ref, componentPrefix)
				if _, done := definitions[target]; !done {
					definitions[target] = schemas[target]
					include(schemas[target])
				}
			}
		}
	}
	root := object{"$ref": componentPrefix + name}
	include(root)
	root["definitions"] = definitions
	return rereference(root).(object)
}

// rereference points references from a document's components to a bundle's
// definitions, in a copy.
func rereference(node any) any {
	switch node := node.(type) {
	case []any:
		list := make([]any, len(node))
		for i, child := range node {
			list[i] = rereference(child)
		}
		return list
	case object:
		copied := make(object, len(node))
		for key, child := range node {
			if ref, isText := child.(string); isText && key == "$ref" {
				copied[key] = definitionPrefix + strings.TrimPrefix(ref, componentPrefix)
			} else {
				copied[key] = rereference(child)
			}
		}
		return copied
	}
	return node
}
