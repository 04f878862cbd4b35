package main

import (
	"errors"
	"net/http"
	"sync/atomic"

	"kafka-import-bridge/internal/config"
)

// apiCredentials are the key and the user's own headers, as requests to the API
// carry them. It implements importer.KeySource.
type apiCredentials struct {
	key, custom config.Secret
	headers     atomic.Pointer[http.Header]
}

func newAPICredentials(api config.API) *apiCredentials {
	c := &apiCredentials{key: api.Key, custom: api.CustomHeaders}
	c.parse()
	return c
}

// Value returns the key.
func (c *apiCredentials) Value() string { return c.key.Value() }

// Headers returns the user's headers, which must not be changed.
func (c *apiCredentials) Headers() http.Header { return *c.headers.Load() }

// Reload reads both from their files again.
func (c *apiCredentials) Reload() (changed bool, err error) {
	keyChanged, keyErr := c.key.Reload()
	headersChanged, headersErr := c.custom.Reload()
	if headersChanged {
		c.parse()
	}
	return keyChanged || headersChanged, errors.Join(keyErr, headersErr)
}

// parse reads the headers' text, in which config has found no fault.
func (c *apiCredentials) parse() {
	headers, _ := config.ParseHeaders(c.custom.Value())
	c.headers.Store(&headers)
}
