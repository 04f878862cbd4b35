package process

import (
	"time"

	"kafka-import-bridge/internal/kafka/auth"
)

// NoteCredentials notes what an answer of the brokers says about the credentials
// for them; nil is one for which they have to be good. An error that is no refusal
// of them says nothing.
func (r *Process) NoteCredentials(err error) {
	switch {
	case err == nil:
		r.Metrics.KafkaRefused(false)
	case auth.Refuses(err):
		r.Metrics.KafkaRefused(true)
	}
}

// WatchFailed reports that the metadata is not what it should be, perhaps for single
// topics. It may be called on any goroutine.
func (r *Process) WatchFailed(err error, unclear []string) {
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
func (r *Process) StartsFailed(err error, todo int) {
	r.Metrics.KafkaFailed("metadata")
	r.Faults.Log(time.Now(), "start of partitions cannot be resolved yet", "resolve", "partitions", todo, "error", r.Explain(err))
}

// SurveyFailed reports that the ends of some logs are not known. It may be
// called on any goroutine.
func (r *Process) SurveyFailed(err error) {
	text := r.Explain(err)
	r.Faults.Log(time.Now(), "ends of partitions that are not fetched cannot be asked for; their lag may be out of date", "survey/"+text, "error", text)
}
