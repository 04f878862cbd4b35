// Package sandbox is the world around the bridge, inside one process: the
// import API, an object store behind signed URLs, a Kafka cluster, a feed of
// sample records, and a tally that reconciles what was produced with what was
// stored. Tests and cmd/sandbox run the same code; the production binary never
// links it.
//
// # Usage
//
// New returns an API that works without options. Its Handler is the import API
// and, unless Options.StoreURL says that the store is served elsewhere, the
// store too, so one listener is enough:
//
//	api, err := sandbox.New(sandbox.Options{})
//	server := httptest.NewServer(api.Handler())
//
// # Concurrency
//
// All methods of API, Tally, Kafka and Feed are safe for concurrent use. None
// starts a goroutine before a method named Start or Run is called.
//
// # Faults and violations
//
// Inject makes the API or the store misbehave in a chosen way. Apart from
// that both always check what the real ones check, and remember as violations
// what a correct client never does, however it was answered.
//
// # Virtual time
//
// Nothing here needs a socket: with a Network, Kafka and the HTTP handlers live
// inside a testing/synctest bubble and time is virtual.
package sandbox
