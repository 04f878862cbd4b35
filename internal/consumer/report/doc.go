// Package report holds what the bridge says about itself: its counters and gauges, and
// the types of /status.
//
// Metrics belong to the process, outlive every session and are safe for concurrent
// use. The session's loop, the fetchers and the membership write to
// them. A scrape runs on the goroutine of its HTTP request: it asks the Source for a
// Status and leaves the gauges out if there is no answer in time. A Status is a copy
// that nobody writes to any more.
//
// The package knows nobody who reports. Of the project it imports only the names of
// reasons, from batcher and record.
package report
