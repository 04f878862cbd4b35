package process

import (
	"context"
	"time"

	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/receipt"
)

// Importer brings batches to the import API. Safe for concurrent use.
type Importer interface {
	// NewImport prepares the import of one batch. The blocks of body belong to
	// the import until its last Attempt has returned.
	NewImport(namespace string, body [][]byte, size int64) Import
	// Probe prepares an import that has no body yet.
	Probe(namespace string) Import
}

// Import is one batch on its way. Not safe for concurrent use.
type Import interface {
	// Attempt asks for an upload URL, unless it has a usable one, and uploads
	// the body. guard is asked before each request and while the body is read:
	// its error cancels the attempt. When Attempt returns nothing reads the
	// body any more.
	Attempt(ctx context.Context, guard func() error) importer.Outcome
	// Create only asks for an upload URL and keeps it.
	Create(ctx context.Context, guard func() error) importer.Outcome
	// Prepare is Create for a batch that waits for another one of its namespace,
	// so that the URL is there when its turn comes. It is no attempt.
	Prepare(ctx context.Context, guard func() error) importer.Outcome
	// Drop says that no attempt will follow, whatever became of the import.
	Drop()
	// SetBody gives a successful probe the batch to upload to its URL.
	SetBody(body [][]byte, size int64)
	RequestID() string
	Attempts() int
	// Ambiguous says that the body may have been stored although no answer
	// said so: giving this import up could send its lines twice.
	Ambiguous() bool
	// MayRepeat says that the body may be stored twice: while it was ambiguous
	// and nobody could tell its fate, it was sent again.
	MayRepeat() bool
	// Resolve asks the API what became of an ambiguous body, for a caller that
	// is about to give the import up. It reads no body and changes nothing of how
	// the import goes on. Stored: it has arrived, and is settled like any other.
	// Unproven: to send its lines again may store them twice. Retry: the API could
	// not answer; it may after Delay. Cancelled: as from Attempt.
	Resolve(ctx context.Context, guard func() error) importer.Outcome
}

// StoredImport is an import that the store has taken.
type StoredImport struct {
	Namespace, RequestID string
	Records              int
	Bytes                int64
	At                   time.Time
	// Receipt is what was written of it, nil if receipts are not wanted.
	Receipt *receipt.Receipt
}
