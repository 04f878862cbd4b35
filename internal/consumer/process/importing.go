package process

import (
	"context"

	"kafka-import-bridge/internal/importer"
)

// Importer brings batches to the import API. Safe for concurrent use.
type Importer interface {
	// NewImport prepares the import of one batch. The blocks of body belong to
	// the import until its last Attempt has returned.
	NewImport(namespace string, body [][]byte, size int64) Import
	// Probe prepares an import that has no body yet.
	Probe(namespace string) Import
}

// Import is one batch on its way: an importer.Import, which says what each call means.
// Not safe for concurrent use.
type Import interface {
	Attempt(ctx context.Context, guard func() error) importer.Outcome
	Create(ctx context.Context, guard func() error) importer.Outcome
	Prepare(ctx context.Context, guard func() error) importer.Outcome
	Resolve(ctx context.Context, guard func() error) importer.Outcome
	SetBody(body [][]byte, size int64)
	Drop()
	RequestID() string
	Attempts() int
	Ambiguous() bool
	MayRepeat() bool
}
