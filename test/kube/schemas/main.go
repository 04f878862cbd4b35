// Command schemas writes what a manifest of the chart must agree with:
//
//	go run ./test/kube/schemas DIR
//
// DIR gets one JSON schema for each kind that the chart renders, for kubeconform
// (DIR/{{.ResourceKind}}{{.KindSuffix}}.json), and in DIR/crds the
// CustomResourceDefinitions themselves, for an API server. All of it comes from
// the Go modules of Kubernetes, the Prometheus operator and KEDA, at the versions
// in sources.go: the Go module cache is the only cache, and a run without a
// network works once they are in it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: schemas DIR")
	}
	dir := args[0]
	if err := os.MkdirAll(filepath.Join(dir, "crds"), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	modules, err := download(ctx, dir, kubernetes, prometheusOperator, keda)
	if err != nil {
		return err
	}
	for _, f := range builtinFiles() {
		if err := writeBuiltin(dir, modules[kubernetes], f); err != nil {
			return fmt.Errorf("read %s of %s: %w", f.path, kubernetes, err)
		}
	}
	for _, f := range customFiles() {
		if err := writeCustom(dir, modules[f.module], f.path); err != nil {
			return fmt.Errorf("read %s of %s: %w", f.path, f.module, err)
		}
	}
	return nil
}
