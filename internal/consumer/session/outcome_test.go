package session

import "kafka-import-bridge/internal/importer"

// The importer's words, short for the tables of the tests. Retry stands for all
// classes that a later attempt may mend.
type Outcome = importer.Outcome

const (
	Cancelled    = importer.Cancelled
	Stored       = importer.Stored
	Retry        = importer.RetryLater
	Unauthorised = importer.Unauthorised
	Refused      = importer.Refused
	Missing      = importer.Missing
	Unproven     = importer.Unproven
)
