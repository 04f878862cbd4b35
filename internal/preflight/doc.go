// Package preflight makes the checks of bridge check: it tries what a bridge of the same
// configuration would need, and reports each finding as it is made, with its remedy.
//
// It neither joins the group nor commits, produces or creates anything. It is made of
// the same parts as the bridge: kafka asks, ledger.Resume says where a partition would
// start, scan reads the sampled records and says what would become of them.
//
// cmd/bridge runs it once, on its own goroutine, and gives it a client to copy the
// configuration of. Brokers, and then leaders, are asked at the same time, by
// goroutines that have ended when Run returns; findings are reported by Run's only.
package preflight
