package verify

import (
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// Settings are those of the bridge that decide what a record owes.
type Settings struct {
	Mapper      *record.Mapper
	OnInvalid   Policy
	OnTombstone Policy
	// Skips reports whether all records from one offset to another are named to
	// be left out; nil names none.
	Skips func(topic string, partition int32, first, last int64) bool
}

// NewRouter returns a Router that does as a bridge of these settings. It is not
// safe for concurrent use.
func NewRouter(s Settings) Router { return &router{settings: s, worker: s.Mapper.Worker()} }

type router struct {
	settings Settings
	worker   *record.Worker
	scratch  []byte
}

// Skips implements Router.
func (r *router) Skips(in *Range, first, last int64) bool {
	return r.settings.Skips != nil && r.settings.Skips(in.Topic, in.Partition, first, last)
}

// Route implements Router.
func (r *router) Route(in *Range, rec *wire.Record) (namespaces []string, reason string, policy Policy) {
	if r.Skips(in, rec.Offset, rec.Offset) {
		return nil, "operator", LeaveOut
	}
	line, out, rej := r.worker.Line(r.scratch[:0], &record.Input{
		Topic: in.Topic, Partition: in.Partition, Offset: rec.Offset, Key: rec.Key, Value: rec.Value, Headers: rec,
	})
	if cap(out) <= maxScratch {
		r.scratch = out
	}
	switch {
	case rej == nil:
		return line.Namespaces, "", LeaveOut
	case rej.Reason == record.Tombstone:
		return nil, rej.Reason.String(), r.settings.OnTombstone
	}
	return nil, rej.Reason.String(), r.settings.OnInvalid
}

// maxScratch is the memory for a rewritten line that is kept for the next one.
const maxScratch = 1 << 20
