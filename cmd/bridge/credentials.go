package main

import (
	"errors"
	"net/http"

	"kafka-import-bridge/internal/config"
)

// apiCredentials are the key and the user's own headers, as requests to the API
// carry them. It implements importer.KeySource.
type apiCredentials struct{ key, custom config.Secret }

// Value returns the key.
func (c apiCredentials) Value() string { return c.key.Value() }

// Headers returns the user's headers. They are parsed for each request, which costs
// little beside it; config has found no fault in their text.
func (c apiCredentials) Headers() http.Header {
	headers, _ := config.ParseHeaders(c.custom.Value())
	return headers
}

// Reload reads both from their files again.
func (c apiCredentials) Reload() (changed bool, err error) {
	keyChanged, keyErr := c.key.Reload()
	headersChanged, headersErr := c.custom.Reload()
	return keyChanged || headersChanged, errors.Join(keyErr, headersErr)
}
