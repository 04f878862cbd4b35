// Package e2e runs the built bridge as a process, configured by its environment
// alone, between a real Apache Kafka and an import API and store that check
// every request (package sandbox). Package truth judges: nothing lost, nothing
// twice, the bytes, the order, the bounds, and each committed offset.
//
// A test makes a world, produces into it, starts and stops bridges, and ends
// with judge. Tests run in parallel on one broker; those that harm it start one
// of their own.
//
//	go test ./test/e2e -run TestHappyPath -v
//
// TEST_BRIDGE_BINARY names a binary to judge instead of building cmd/bridge. A
// failed test shows the end of the bridges' logs; -artifacts keeps them whole.
package e2e
