// Package consumer is a member of the consumer group: it joins, runs a session for
// each generation, and leaves.
//
// Run is called once, by cmd/bridge, on a goroutine of its own. It resolves the
// topics, joins the group, and gives each generation to a session.Session, for whose
// drain the group waits. While the brokers or the credentials fail it tries again. A
// second goroutine beats for /healthz while no session does.
//
// Ready, Healthy, IsMember, Status and Snapshot may be called from any goroutine: they
// read a small locked state, or ask the loop of the running session.
package consumer
