package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// write writes a kind's schema, made strict, under the name that kubeconform
// forms of {{.ResourceKind}}{{.KindSuffix}}: kind, first part of the group,
// version.
func write(dir string, gvk groupVersionKind, schema object) error {
	tighten(schema)
	text, err := json.Marshal(schema)
	if err != nil {
		return fmt.Errorf("encode schema of %s: %w", gvk.Kind, err)
	}
	group, _, _ := strings.Cut(gvk.Group, ".")
	parts := []string{gvk.Kind, group, gvk.Version}
	if group == "" {
		parts = []string{gvk.Kind, gvk.Version}
	}
	name := strings.ToLower(strings.Join(parts, "-")) + ".json"
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	return nil
}

// tighten refuses unknown fields wherever the schema lists the known ones, as
// the API server's strict field validation does. Where a schema keeps unknown
// fields, or lists none (a custom kind's metadata), any are let through.
func tighten(node any) {
	switch node := node.(type) {
	case []any:
		for _, child := range node {
			tighten(child)
		}
	case object:
		_, lists := node["properties"].(object)
		_, says := node["additionalProperties"]
		if lists && !says && node["x-kubernetes-preserve-unknown-fields"] != true {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			tighten(child)
		}
	}
}
