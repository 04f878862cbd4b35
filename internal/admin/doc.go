// Package admin serves HTTP for people and for the platform: metrics, health, readiness, the
// status as JSON and as a page, and, on another address, profiles. It owns the
// listeners, the page, and five minutes of samples that the page draws; it owns
// none of the state that it shows.
//
// # Concurrency properties
//
// A [Server] is bound by [Listen] and serves in [Server.Run], which samples the history
// meanwhile and joins all that it started before it returns. Handlers run concurrently
// and hold no other state: whoever owns the state passes functions in [Config], and each
// must be safe for concurrent use and answer, or give up, within the deadline of its
// context.
//
// # Expected behavior
//
// It reads and never changes anything: GET and HEAD only, nothing cached, no
// request to another host. Whatever Status and the errors of Healthy and Ready
// hold is shown to everybody who reaches the address, so nothing secret may be
// in them.
//
// # Imports
//
// It imports no other room of the bridge; only cmd/bridge imports it.
package admin
