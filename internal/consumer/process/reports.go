package process

import (
	"log/slog"
	"time"

	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka/auth"
)

// Reports is where the process says what it does. All of it is safe for concurrent
// use.
type Reports struct {
	Log     *slog.Logger
	Faults  *report.FaultLog
	Metrics *report.Metrics
	Explain func(error) string // an error of a broker as a sentence for people
	Pulse   *report.Pulse      // of the loop, for /healthz
}

// NoteCredentials notes what an answer of the brokers says about the credentials
// for them; nil is one for which they have to be good. An error that is no refusal
// of them says nothing.
func (r *Reports) NoteCredentials(err error) {
	switch {
	case err == nil:
		r.Metrics.KafkaRefused(false)
	case auth.Refuses(err):
		r.Metrics.KafkaRefused(true)
	}
}

// WatchFailed reports that the metadata is not what it should be, perhaps for single
// topics. It may be called on any goroutine.
func (r *Reports) WatchFailed(err error, unclear []string) {
	r.Metrics.KafkaFailed("metadata")
	text := r.Explain(err)
	args := []any{"error", text}
	if len(unclear) > 0 {
		args = append(args, "topics", unclear)
	}
	r.Faults.Log(time.Now(), "metadata cannot be refreshed", "metadata/"+text, args...)
}

// StartsFailed reports that some partitions do not start yet. It may be called on any
// goroutine.
func (r *Reports) StartsFailed(err error, todo int) {
	r.Metrics.KafkaFailed("metadata")
	r.Faults.Log(time.Now(), "start of partitions cannot be resolved yet", "resolve", "partitions", todo, "error", r.Explain(err))
}

// SurveyFailed reports that the ends of some logs are not known. It may be
// called on any goroutine.
func (r *Reports) SurveyFailed(err error) {
	text := r.Explain(err)
	r.Faults.Log(time.Now(), "ends of partitions that are not fetched cannot be asked for; their lag may be out of date", "survey/"+text, "error", text)
}
