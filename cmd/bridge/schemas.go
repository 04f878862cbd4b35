package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/decode"
)

// schemaFormat names the form of the JSON that decode makes, for the fingerprint of the
// settings: another number means another JSON for the same bytes.
const schemaFormat = "registry 1"

// registryTimeout bounds one request to the schema registry.
const registryTimeout = 10 * time.Second

// schemaCache builds the cache of the registry's schemas, nil where values are JSON.
// Its metrics are registered in either case, so that their series always exist.
// refused is called with whether the registry refuses the credentials.
func schemaCache(cfg *config.Config, roots *x509.CertPool, reg prometheus.Registerer, refused func(bool)) (*decode.Schemas, error) {
	metrics := decode.NewMetrics(reg)
	metrics.Refused = refused
	registry, err := schemaRegistry(cfg, roots)
	if registry == nil || err != nil {
		return nil, err
	}
	return decode.NewSchemas(registry, metrics), nil
}

// schemaRegistry builds the registry's client, nil where values are JSON.
func schemaRegistry(cfg *config.Config, roots *x509.CertPool) (*decode.Registry, error) {
	if cfg.Value.Format != config.FormatRegistry {
		return nil, nil //nolint:nilnil // there is none, which is no error
	}
	r := cfg.Value.Registry
	roots = roots.Clone()
	if r.CAFile != "" {
		pem, err := os.ReadFile(r.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read BRIDGE_SCHEMA_REGISTRY_CA_FILE: %w", err)
		}
		roots.AppendCertsFromPEM(pem)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return decode.NewRegistry(decode.RegistryConfig{
		URL: r.URL.String(), Username: r.Username, Password: r.Password.Latest, UserAgent: "kafka-import-bridge/" + currentBuild().Version,
		Client: &http.Client{
			Transport: transport, Timeout: registryTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}), nil
}
