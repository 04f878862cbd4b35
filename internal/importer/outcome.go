package importer

import "time"

// Class is the result of an attempt; it decides what the caller may do next.
type Class uint8

const (
	// Cancelled: the context or the guard ended the attempt. It acknowledges
	// nothing and counts as no failure. It is the zero value, so that an
	// outcome nobody filled in cannot pass for a stored batch.
	Cancelled Class = iota
	// Stored: the PUT was answered with 2xx, or with 412 where it was to store
	// only what is not there yet, or the API says that the upload has arrived.
	// From Create: the URL is there.
	Stored
	// RetrySame: try the same upload URL again; the import keeps it.
	RetrySame
	// RetryNew: the upload URL is no good any more; the next attempt asks for
	// another one.
	RetryNew
	// RetryLater: the API could not answer now.
	RetryLater
	// Unauthorised: the API refused the key, also after reading it again. 401
	// concerns every namespace, 403 perhaps this one alone.
	Unauthorised
	// Refused: the API or the store refuses this import for good.
	Refused
	// Missing: where the create call should be there is none, or not for this
	// namespace: 404, 405 or 410. It says nothing of the batch; another path or
	// address, or the namespace's creation, would mend it.
	Missing
	// Malformed: the answer is not what the API documents. Nothing was
	// followed or sent anywhere on account of it; to be retried later and reported.
	// The import keeps an upload URL under which it may be stored already.
	Malformed
	// Unproven, from Resolve alone: the API does not say that the import has arrived,
	// or cannot be asked.
	Unproven
)

// String returns the class's name for logs.
func (c Class) String() string {
	names := [...]string{"cancelled", "stored", "retry_same", "retry_new", "retry_later", "unauthorised", "refused", "missing", "malformed", "unproven"}
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

// Retries reports whether a later attempt may do better.
func (c Class) Retries() bool {
	return c == RetrySame || c == RetryNew || c == RetryLater || c == Malformed
}

// Operations, also the metrics' label.
const (
	OperationCreate = "create"
	OperationUpload = "upload"
	OperationAsk    = "ask"    // of an upload whose answer was lost
	OperationFollow = "follow" // of an import that is stored
)

// Reasons of a failed attempt, also the metrics' label. A closed set.
const (
	ReasonThrottled    = "throttled"
	ReasonServerError  = "server_error"
	ReasonNetwork      = "network"
	ReasonTimeout      = "timeout"
	ReasonUnauthorised = "unauthorised"
	ReasonExpired      = "expired"
	ReasonMalformed    = "malformed"
)

// Outcome is the result of one attempt.
type Outcome struct {
	Class Class

	// Operation is the call that decided, one of the Operation constants.
	Operation string

	// Status is the answer's, 0 if there was none.
	Status int

	// RequestID is the import's, if the API has given one by now.
	RequestID string

	// Delay is what the caller must wait at least before the next attempt of
	// this namespace and operation: full jitter over the consecutive failures
	// of this import and operation, never less than RetryAfter. Zero for
	// Stored and Cancelled.
	Delay time.Duration

	// RetryAfter is what the answer asked for, capped at an hour; 0 if it asked
	// for nothing that makes sense.
	RetryAfter time.Duration

	// Throttled is true for 429.
	Throttled bool

	// Reason is the label under which a retry is counted, "" if none is due.
	Reason string

	// Err is nil for Stored. Its text is safe for logs: it has neither the key,
	// nor an upload URL's query, nor any text of an answer. For Cancelled it
	// wraps the context's or the guard's error.
	Err error
}
