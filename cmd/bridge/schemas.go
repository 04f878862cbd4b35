package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/decode"
)

// schemaFormat names the form of the JSON that decode makes, for the fingerprint of the
// settings: another number means another JSON for the same bytes.
const schemaFormat = "registry 1"

// registryTimeout bounds one request to the schema registry.
const registryTimeout = 10 * time.Second

// schemaCache builds the cache of the registry's schemas, nil where values are JSON.
// It has to run for schemas to come.
func (w *wiring) schemaCache(metrics *decode.Metrics) (*decode.Schemas, error) {
	if w.cfg.Value.Format != config.FormatRegistry {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	r := w.cfg.Value.Registry
	roots, err := newRoots(w.roots.log, append(slices.Clip(w.roots.files), rootsFile{"BRIDGE_SCHEMA_REGISTRY_CA_FILE", r.CAFile})...)
	if err != nil {
		return nil, err
	}
	client := httpsClient(roots, registryTimeout)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return decode.NewSchemas(&decode.Registry{
		URL: r.URL.String(), Username: r.Username, Password: r.Password.Latest, Client: client, UserAgent: userAgent(),
	}, metrics), nil
}

// readerConfig returns the consumer's configuration for a command that reads Kafka
// outside of the group. Its schemas come until stop is called, which waits for them.
func (w *wiring) readerConfig(ctx context.Context) (settings *process.Config, stop func(), err error) {
	out := consumerConfig(w.cfg)
	if out.Schemas, err = w.schemaCache(decode.NewMetrics(nil)); out.Schemas == nil || err != nil {
		return &out, func() {}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = out.Schemas.Run(ctx) }) // ends without an error
	return &out, func() { cancel(); wg.Wait() }, nil
}
