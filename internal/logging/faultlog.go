package logging

import (
	"log/slog"
	"regexp"
	"sync"
	"time"
)

// faultLogInterval is how often a fault that goes on is logged.
const faultLogInterval = time.Minute

// faultLogKinds bounds the memory of a FaultLog.
const faultLogKinds = 10000

// FaultLog logs the first fault of each kind at once and then, while it goes on, one
// line a minute with the count. Safe for concurrent use.
type FaultLog struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[string]*faultKindLog
}

type faultKindLog struct {
	logged time.Time // when one was logged last
	since  int       // faults after that one
}

// NewFaultLog returns a FaultLog that writes warnings to log.
func NewFaultLog(log *slog.Logger) *FaultLog {
	return &FaultLog{log: log, kinds: map[string]*faultKindLog{}}
}

// localEnd is a connection's own end in the errors of the package net. Its port differs
// from one try to the next, and with it a kind that holds an error.
var localEnd = regexp.MustCompile(`\S+:\d+->`)

// Log logs a fault of a kind, or counts it for a later line. Kinds are few: an
// operation, a reason, a topic, never a namespace. What differs between faults of one
// kind belongs into args: a line has those of the fault that it is written for.
func (f *FaultLog) Log(now time.Time, message, kind string, args ...any) {
	kind = localEnd.ReplaceAllString(kind, "")
	f.mu.Lock()
	k := f.kinds[kind]
	if k == nil {
		if len(f.kinds) >= faultLogKinds {
			clear(f.kinds)
		}
		k = &faultKindLog{}
		f.kinds[kind] = k
	}
	if !k.logged.IsZero() && now.Sub(k.logged) < faultLogInterval {
		k.since++
		f.mu.Unlock()
		return
	}
	if k.since > 0 {
		args = append(args, "repeated", k.since)
	}
	k.logged, k.since = now, 0
	f.mu.Unlock()
	f.log.Warn(message, args...) //nolint:sloglint // the callers' messages are constants
}
