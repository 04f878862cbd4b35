package fetch

import (
	"time"

	"kafka-import-bridge/internal/kafka"
)

// Standing is how a partition stands with its leader.
type Standing struct {
	Leader int32
	// Server is who is asked: the leader, or a replica that it has named.
	Server int32
	// Unanswered is since when the leader has not answered for the partition, or not
	// as its leader; zero once it has. Err is why, of the last request.
	Unanswered time.Time
	Err        error
	// Throttled is until when the server keeps this client waiting, by a quota; in the
	// past or zero if it does not.
	Throttled time.Time
	// Empty reports whether the last answer since the partition was reset had nothing
	// to read, and no error.
	Empty bool
	// Doubted reports whether the log may be another one than was read: see suspect.
	Doubted bool
}

// Standing returns how the partition stands with its leader. Any goroutine may ask.
func (f *Fetcher) Standing(c *Cursor) Standing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Standing{Leader: c.leader, Server: c.server(), Unanswered: c.unanswered, Err: c.why, Throttled: f.throttled[c.server()], Empty: c.empty, Doubted: c.doubted}
}

// unanswered notes that nothing has come of a request that was made at began.
func (f *Fetcher) unanswered(batch []asked, began time.Time, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range batch {
		if a.turn != a.request {
			continue // it was answered for, and another one has asked since
		}
		if a.follower { // which says nothing of the leader
			f.distrust(a.Cursor, why)
			continue
		}
		a.suspect()
		if a.unanswered.IsZero() {
			a.unanswered = began
		}
		a.why = why
	}
}

// suspect makes the next answer prove that the log is the one that was read: the topic
// may have been created again since the last answer. Who fetches by its name, as brokers
// before 3.1 want it, would not notice (KIP-516). Call with Fetcher.mu held.
func (c *Cursor) suspect() { c.doubted = c.last != unknownBatch }

// throttle lets the broker's lanes wait as long as its answer says: a broker reads
// no request of a client before that, which would look like silence (KIP-219).
func (f *Fetcher) throttle(broker int32, d time.Duration) {
	d = min(d, kafka.MaxThrottle)
	f.mu.Lock()
	f.throttled[broker] = time.Now().Add(d)
	f.mu.Unlock()
	f.cfg.Throttled(broker, d)
}

// throttledFor is how long the broker still keeps this client waiting.
func (f *Fetcher) throttledFor(broker int32) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Until(f.throttled[broker])
}
