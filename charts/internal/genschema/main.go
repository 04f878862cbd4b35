// Command genschema writes what the chart knows of the bridge's settings: the
// config object of values.schema.json, and the commented list of settings in
// values.yaml. Both come from internal/config, so that a setting has one name,
// one default and one meaning everywhere. Run it by `go generate ./charts`.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("kafka-import-bridge"); err != nil {
		fmt.Fprintln(os.Stderr, "genschema:", err)
		os.Exit(1)
	}
}

func run(chart string) error {
	schema, err := valuesSchema()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(chart, "values.schema.json"), schema, 0o644); err != nil {
		return fmt.Errorf("write schema: %w", err)
	}
	values := filepath.Join(chart, "values.yaml")
	text, err := os.ReadFile(values)
	if err != nil {
		return fmt.Errorf("read values: %w", err)
	}
	filled, err := fillValues(string(text))
	if err != nil {
		return fmt.Errorf("fill %s: %w", values, err)
	}
	if err := os.WriteFile(values, []byte(filled), 0o644); err != nil {
		return fmt.Errorf("write values: %w", err)
	}
	return nil
}
