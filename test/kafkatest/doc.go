// Package kafkatest runs a real Apache Kafka (KRaft) for tests.
//
// # Usage
//
// A test package calls Main from its TestMain and Shared in its tests: they get
// one node, started at the first call and stopped after the last test. A test
// that kills or freezes the broker, or needs TLS, SASL, ACLs or three nodes,
// starts a Cluster of its own with New.
//
// The broker's jars come through mvn, once per machine, into the user's cache
// folder. TEST_KAFKA_BROKERS (host:port,…) makes Shared use a cluster that is
// already there. Where java or mvn is missing the test is skipped and says so;
// with CI=true it fails instead, so that a suite cannot vanish unseen.
//
// Options.Release starts the oldest release that is promised instead, with a
// ZooKeeper beside it.
//
// # Concurrency
//
// All methods are safe for concurrent use, except that Kill, Restart, Freeze
// and Thaw of one node must not overlap.
//
// # What stays behind
//
// Nothing: the processes die with the test binary (package child) and their
// folders with the test. Tests only; imports test/child and no other package of
// this module.
package kafkatest
