// Package group is the membership of this process in its consumer group: join,
// sync, heartbeats and leave, and the balancer of the member that leads.
//
// It owns the member id, the generation and the lease, and the one goroutine that
// sends heartbeats. It does not commit, and it knows neither records nor
// sessions: package consumer joins, works in the Generation that it gets, and
// joins again.
//
//	Join ──► Generation ──Rebalance──► drain, last commit ──► Join ...
//	              └──Lost──► drop everything ──► Join ...
//
// # The parts
//
// membership is the protocol as a pure state machine, balance the sharing out,
// Lease the time until which the partitions are ours. Member drives them over a
// Cluster, the connection to the brokers. Static membership (KIP-345), required
// member ids (KIP-394) and brokers from 2.4 on are what it speaks.
//
// # Concurrency
//
// One goroutine at a time calls a Member's methods. Between Join's return and the
// next call of Join, Pause or Leave the heartbeats have the membership; each of
// the three ends them first and waits for that. Generation and Lease are safe for
// concurrent use. Rebalance and Lost are closed at most once each, by the
// goroutine of the heartbeats; of a Generation that is over nothing more comes.
//
// # Testing
//
// The tests run members against a model of Kafka's group coordinator in virtual
// time; the simulation (test/sim) runs them against kfake, test/e2e against Kafka.
package group
