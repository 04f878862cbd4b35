package main

import (
	"context"

	"kafka-import-bridge/internal/consumer"
	"kafka-import-bridge/internal/importer"
)

// importing lets the consumer use the importer, neither knowing the other.
type importing struct{ client *importer.Client }

// NewImport implements consumer.Importer.
func (i importing) NewImport(namespace string, body [][]byte, size int64) consumer.Import {
	return &attempts{i.client, i.client.NewImport(namespace, body, size)}
}

// Probe implements consumer.Importer.
func (i importing) Probe(namespace string) consumer.Import {
	return &attempts{i.client, i.client.Probe(namespace)}
}

// attempts is one import and the client that makes its attempts.
type attempts struct {
	client *importer.Client
	*importer.Import
}

// Attempt implements consumer.Import.
func (a *attempts) Attempt(ctx context.Context, guard func() error) consumer.Outcome {
	return outcome(a.client.Attempt(ctx, a.Import, guard))
}

// Create implements consumer.Import.
func (a *attempts) Create(ctx context.Context, guard func() error) consumer.Outcome {
	return outcome(a.client.Create(ctx, a.Import, guard))
}

func outcome(o importer.Outcome) consumer.Outcome {
	return consumer.Outcome{
		Class: classOf(o.Class), Operation: o.Operation, Status: o.Status, RequestID: o.RequestID,
		Delay: o.Delay, RetryAfter: o.RetryAfter, Throttled: o.Throttled, Reason: o.Reason, Err: o.Err,
	}
}

func classOf(c importer.Class) consumer.Class {
	switch c {
	case importer.Cancelled:
		return consumer.Cancelled
	case importer.Stored:
		return consumer.Stored
	case importer.Unauthorised:
		return consumer.Unauthorised
	case importer.Refused:
		return consumer.Refused
	default: // the same URL, a new one, later, a malformed answer: the import knows
		return consumer.Retry
	}
}
