package main

import (
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// definition is what concerns us of a CustomResourceDefinition.
type definition struct {
	Spec struct {
		Group    string
		Names    struct{ Kind string }
		Versions []struct {
			Name   string
			Schema struct {
				OpenAPIV3Schema object `yaml:"openAPIV3Schema"`
			}
		}
	}
}

// writeCustom writes the schemas of a custom kind's versions, and keeps the
// definition itself in dir/crds.
func writeCustom(dir, module, path string) error {
	text, err := os.ReadFile(filepath.Join(module, path))
	if err != nil {
		return fmt.Errorf("read definition: %w", err)
	}
	var d definition
	if err := yaml.Unmarshal(text, &d); err != nil {
		return fmt.Errorf("decode definition: %w", err)
	}
	for _, version := range d.Spec.Versions {
		gvk := groupVersionKind{d.Spec.Group, version.Name, d.Spec.Names.Kind}
		if err := write(dir, gvk, version.Schema.OpenAPIV3Schema); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "crds", filepath.Base(path)), text, 0o644); err != nil {
		return fmt.Errorf("keep definition: %w", err)
	}
	return nil
}
