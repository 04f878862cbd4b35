package follow

import (
	"time"

	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/receipt"
)

// The states of a followed import beyond the API's own words: stored until the
// API has first answered, and the ways in which its following can end.
const (
	StatusStored              = "stored"
	StatusSucceeded           = importer.StatusSucceeded
	StatusSucceededWithErrors = "succeeded_with_errors" // the API's summary says which objects it did not take
	StatusFailed              = importer.StatusFailed
	StatusUnknown             = "unknown"    // given up, or still open when the process stopped
	StatusUnfollowed          = "unfollowed" // beyond the bound
)

// Statuses lists the statuses with which the following of an import ends; they are the
// metric's label.
func Statuses() []string {
	return []string{StatusSucceeded, StatusSucceededWithErrors, StatusFailed, StatusUnknown, StatusUnfollowed}
}

// Import is a stored import and its last known status. /status shows it.
type Import struct {
	RequestID string    `json:"request_id"` // the API's name for it, "" if it gave none
	Namespace string    `json:"namespace"`
	Records   int       `json:"records"`   // lines
	Bytes     int64     `json:"bytes"`     // of the lines with their newlines
	StoredAt  time.Time `json:"stored_at"` // when the store took it
	// Status is one of Statuses, StatusStored, or what the API said last.
	Status string `json:"status"`
	// FinishedAt is when the following has ended, nil before.
	FinishedAt *time.Time `json:"finished_at"`

	receipt *receipt.Receipt // to be written again with the end, or nil
}
