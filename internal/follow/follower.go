package follow

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/internal/receipt"
)

// Asker asks the import API how far one import is; *importer.Client is one. A
// non-nil error is an *importer.AskError.
type Asker interface {
	Ask(ctx context.Context, namespace, requestID string) (importer.Progress, error)
}

// Receipts takes the receipt of an import once more, with its end; *outbox.Outbox
// is one.
type Receipts interface {
	Post(key, value []byte, more int64, acked func())
}

// Config bounds what is followed.
type Config struct {
	// MaxAge is how long after its storing an import is given up.
	MaxAge time.Duration
	// MaxImports is how many imports are followed at once.
	MaxImports int
}

// Follower asks the import API about each stored import until it has ended. Make it with
// New. All methods are safe for concurrent use.
type Follower struct {
	cfg      Config
	asker    Asker
	receipts Receipts // nil: none are written
	log      *slog.Logger
	faults   *logging.FaultLog
	metrics  *Metrics
	wake     chan struct{} // has room for one; filled where Run would look too late

	mu       sync.Mutex // guards what follows; not held during a question
	schedule *schedule
	looksAt  time.Time // when Run looks at the schedule again at the latest
	latest   latest
	api      health
	kept     int64 // bytes of the receipts of the imports that are followed
}

// New returns a follower that asks nothing before Run. A nil asker means that
// imports are not followed: the follower then only remembers the latest. Nil
// receipts mean that none are written.
func New(cfg Config, asker Asker, receipts Receipts, log *slog.Logger, m *Metrics) *Follower {
	return &Follower{
		cfg: cfg, asker: asker, receipts: receipts, log: log, faults: logging.NewFaultLog(log), metrics: m, wake: make(chan struct{}, 1),
		schedule: newSchedule(cfg.MaxImports),
	}
}

// Stored takes an import that the store has accepted. If its receipt was written, r has
// pieces, and is written again with the import's end. It returns at once, and keeps r.
func (f *Follower) Stored(r *receipt.Receipt) {
	now := time.Now()
	entry := &Import{RequestID: r.RequestID, Namespace: r.Namespace, Records: r.Records, Bytes: r.Bytes, StoredAt: r.StoredAt, Status: StatusStored}
	f.mu.Lock()
	defer f.unlock()
	f.latest.note(entry)
	if f.asker == nil {
		return
	}
	f.metrics.appeared(entry.Namespace)
	left := entry // without an id nothing can be asked
	if entry.RequestID != "" {
		f.keep(entry, r)
		left = f.schedule.add(entry, now)
	}
	if left != nil {
		f.finish(left, StatusUnfollowed, now)
		f.faults.Log(now, "more imports than are followed at once; what becomes of these is not asked", "unfollowed", "namespace", left.Namespace, "request_id", left.RequestID, "bound", f.cfg.MaxImports)
	}
	if due := now.Add(firstQuestion); due.Before(f.looksAt) {
		f.looksAt = due
		select {
		case f.wake <- struct{}{}:
		default:
		}
	}
}

// unlock releases mu, once the metrics know how the schedule stands.
func (f *Follower) unlock() {
	f.metrics.note(f.schedule)
	f.mu.Unlock()
}

// Run asks until the context ends. What is open then counts as unknown. It
// always returns nil.
func (f *Follower) Run(ctx context.Context) error {
	defer f.stop()
	if f.asker == nil {
		<-ctx.Done()
		return nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		i, rest := f.next(time.Now())
		if i != nil {
			progress, err := f.asker.Ask(ctx, i.entry.Namespace, i.entry.RequestID)
			if ctx.Err() != nil {
				return nil
			}
			f.answered(i, progress, err, time.Now())
			continue
		}
		timer.Reset(rest)
		select {
		case <-timer.C:
		case <-f.wake:
		case <-ctx.Done():
			return nil
		}
	}
}

// idleRest is how long Run rests when there is nothing to ask.
const idleRest = time.Minute

// next gives up what is too old and returns the import to ask about now; if it
// is nil, how long to rest.
func (f *Follower) next(now time.Time) (i *item, rest time.Duration) {
	f.mu.Lock()
	defer f.unlock()
	defer func() { f.looksAt = now.Add(rest) }()
	for _, gone := range f.schedule.outlived(now.Add(-f.cfg.MaxAge)) {
		f.giveUp(gone, now)
	}
	if rest := f.api.restUntil.Sub(now); rest > 0 {
		return nil, min(rest, idleRest)
	}
	if i = f.schedule.next(now); i != nil {
		f.api.restUntil = now.Add(questionSpacing)
		return i, 0
	}
	if wake := f.schedule.wake(); !wake.IsZero() {
		return nil, min(wake.Sub(now), idleRest)
	}
	return nil, idleRest
}

// answered takes what the API said about an import.
func (f *Follower) answered(i *item, p importer.Progress, err error, now time.Time) {
	f.mu.Lock()
	defer f.unlock()
	entry := i.entry // nobody displaces what is being asked about
	if err != nil {
		f.unanswered(i, err, now)
		return
	}
	if f.api.recovered(now) {
		f.log.Info("the API tells again what becomes of imports")
	}
	i.missing = 0
	entry.Status = p.Status
	if !p.Final() {
		f.schedule.again(i, now.Add(restAfter(now.Sub(entry.StoredAt))))
		return
	}
	f.schedule.remove(i)
	status := p.Status
	if status == StatusSucceeded && p.Summary != "" {
		status = StatusSucceededWithErrors
	}
	f.file(entry, status, p.DataCount, now)
	f.finish(entry, status, now)
	f.metrics.finishSeconds.Observe(max(0, now.Sub(entry.StoredAt).Seconds()))
	f.logEnd(entry, now)
}

const remedy = "bridge import NAMESPACE REQUEST_ID prints what the API says of it"

// logEnd logs the end of an import, and loudly one that people have to look into. The
// API's own text stays out, since it may echo records.
func (f *Follower) logEnd(e *Import, now time.Time) {
	switch e.Status {
	case StatusFailed:
		f.log.Error("import failed after it was stored", "namespace", e.Namespace, "request_id", e.RequestID,
			"records", e.Records, "bytes", e.Bytes, "stored_at", e.StoredAt, "remedy", remedy)
	case StatusSucceededWithErrors:
		f.faults.Log(now, "import succeeded with errors: some of its objects were not taken", "errors", "namespace", e.Namespace, "request_id", e.RequestID, "remedy", remedy)
	default:
		f.log.Debug("import finished", "namespace", e.Namespace, "request_id", e.RequestID, "status", e.Status)
	}
}

// maxMissing is how often in a row the API may not know an import before it is
// given up.
const maxMissing = 3

// unanswered puts an import back about which the API said nothing, and decides
// how long nothing is asked at all.
func (f *Follower) unanswered(i *item, err error, now time.Time) {
	status, retryAfter := 0, time.Duration(0)
	var failed *importer.AskError
	if errors.As(err, &failed) {
		status, retryAfter = failed.Status, failed.RetryAfter
	}
	if isNew, rest := f.api.failed(status, retryAfter, f.schedule.size(), now, rand.Float64()); isNew {
		f.log.Warn("the API does not tell what becomes of imports; they are asked about again later",
			"reason", f.api.trouble, "error", err, "next_attempt_in", rest.Round(time.Millisecond).String())
	}
	if status == http.StatusNotFound || status == http.StatusGone {
		if i.missing++; i.missing >= maxMissing {
			f.schedule.remove(i)
			f.giveUp(i.entry, now)
			return
		}
	}
	// Another import is asked about first: one that the API chokes on stops none.
	rest := restAfter(now.Sub(i.entry.StoredAt))
	if status == http.StatusForbidden {
		rest = max(rest, minDeniedRest) // perhaps of its namespace alone
	}
	f.schedule.again(i, now.Add(rest))
}

// giveUp ends the following of an import whose end was not seen.
func (f *Follower) giveUp(e *Import, now time.Time) {
	f.finish(e, StatusUnknown, now)
	f.faults.Log(now, "import given up: what became of it is not known", "unknown", "namespace", e.Namespace, "request_id", e.RequestID, "stored_at", e.StoredAt, "remedy", remedy)
}

// finish notes how the following of an import has ended.
func (f *Follower) finish(e *Import, status string, now time.Time) {
	f.drop(e)
	e.Status, e.FinishedAt = status, &now
	if status == StatusFailed {
		f.latest.noteFailed(e)
	}
	f.metrics.finish(e.Namespace, status)
}

// stop counts what is still open.
func (f *Follower) stop() {
	f.mu.Lock()
	defer f.unlock()
	now, open := time.Now(), f.schedule.items
	f.schedule = newSchedule(f.cfg.MaxImports)
	for _, i := range open {
		f.finish(i.entry, StatusUnknown, now)
	}
	if len(open) > 0 {
		f.log.Warn("stopped before the end of these imports was seen", "imports", len(open), "remedy", remedy)
	}
}
