package main

import (
	"log/slog"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/follow"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/outbox"
)

// importing is the client as the session's Importer.
type importing struct{ client *importer.Client }

// NewImport implements process.Importer.
func (i importing) NewImport(namespace string, body [][]byte, size int64) process.Import {
	return i.client.NewImport(namespace, body, size)
}

// Probe implements process.Importer.
func (i importing) Probe(namespace string) process.Import { return i.client.Probe(namespace) }

// follower returns the follower of stored imports, which asks nothing where the settings
// do not want it to.
func (w *wiring) follower(client *importer.Client, box *outbox.Outbox, m *follow.Metrics, logger *slog.Logger) *follow.Follower {
	var asker follow.Asker
	if w.cfg.Follow.Enabled {
		asker = client
	}
	var receipts follow.Receipts
	if box != nil {
		receipts = box
	}
	return follow.New(follow.Config{MaxAge: w.cfg.Follow.MaxAge, MaxImports: w.cfg.Follow.MaxImports}, asker, receipts, logger, m)
}
