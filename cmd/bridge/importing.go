package main

import (
	"context"
	"log/slog"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/consumer/session"
	"kafka-import-bridge/internal/follow"
	"kafka-import-bridge/internal/importer"
)

// importing lets the consumer use the importer, neither knowing the other.
type importing struct{ client *importer.Client }

// NewImport implements consumer.Importer.
func (i importing) NewImport(namespace string, body [][]byte, size int64) session.Import {
	return &attempts{i.client, i.client.NewImport(namespace, body, size)}
}

// Probe implements consumer.Importer.
func (i importing) Probe(namespace string) session.Import {
	return &attempts{i.client, i.client.Probe(namespace)}
}

// newFollower returns what finds out what became of stored imports.
func newFollower(cfg *config.Config, client *importer.Client, out *receipts, m *follow.Metrics, logger *slog.Logger) *follow.Follower {
	bounds := follow.Config{MaxAge: cfg.Follow.MaxAge, MaxImports: cfg.Follow.MaxImports}
	if !cfg.Follow.Enabled {
		return follow.New(bounds, nil, nil, logger, m)
	}
	return follow.New(bounds, client, out.forFollower(), logger, m)
}

// following hands what the consumer stores to the follower, neither knowing the
// other.
func following(f *follow.Follower) func(session.StoredImport) {
	return func(i session.StoredImport) {
		f.Stored(follow.Import{RequestID: i.RequestID, Namespace: i.Namespace, Records: i.Records, Bytes: i.Bytes, StoredAt: i.At}, i.Receipt)
	}
}

// attempts is one import and the client that makes its attempts.
type attempts struct {
	client *importer.Client
	*importer.Import
}

// Attempt implements consumer.Import.
func (a *attempts) Attempt(ctx context.Context, guard func() error) session.Outcome {
	return outcome(a.client.Attempt(ctx, a.Import, guard))
}

// Create implements consumer.Import.
func (a *attempts) Create(ctx context.Context, guard func() error) session.Outcome {
	return outcome(a.client.Create(ctx, a.Import, guard))
}

// Prepare implements the session's Import.
func (a *attempts) Prepare(ctx context.Context, guard func() error) session.Outcome {
	return outcome(a.client.Prepare(ctx, a.Import, guard))
}

// Drop implements the session's Import.
func (a *attempts) Drop() { a.client.Drop(a.Import) }

// Resolve implements consumer.Import.
func (a *attempts) Resolve(ctx context.Context, guard func() error) session.Outcome {
	return outcome(a.client.Resolve(ctx, a.Import, guard))
}

func outcome(o importer.Outcome) session.Outcome {
	return session.Outcome{
		Class: classOf(o.Class), Operation: o.Operation, Status: o.Status, RequestID: o.RequestID,
		Delay: o.Delay, RetryAfter: o.RetryAfter, Throttled: o.Throttled, Reason: o.Reason, Err: o.Err,
	}
}

func classOf(c importer.Class) session.Class {
	switch c {
	case importer.Cancelled:
		return session.Cancelled
	case importer.Stored:
		return session.Stored
	case importer.Unauthorised:
		return session.Unauthorised
	case importer.Missing:
		return session.Missing
	case importer.Unproven:
		return session.Unproven
	case importer.Refused:
		return session.Refused
	default: // the same URL, a new one, later, a malformed answer: the import knows
		return session.Retry
	}
}
