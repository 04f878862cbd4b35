package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// shared is the package's cluster. It is a package variable because a test
// binary is its natural owner: TestMain ends what any test may have begun.
var shared struct {
	sync.Mutex
	cluster *Cluster
	err     error
	dir     string
}

// Main runs the tests of a package and then stops the shared cluster. TestMain
// calls it and returns; the exit code is m's.
func Main(m *testing.M) {
	defer stopShared()
	m.Run()
}

// Shared returns the package's cluster, started at the first call: one node, or
// the external one of TEST_KAFKA_BROKERS. Tests share it, so they name their
// topics and groups apart and leave the node alone. Without java or mvn the test
// is skipped; with CI=true it fails.
func Shared(tb testing.TB) *Cluster {
	tb.Helper()
	skipShort(tb)
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = startShared()
	}
	require(tb, shared.err)
	return shared.cluster
}

func startShared() (*Cluster, error) {
	if brokers := os.Getenv("TEST_KAFKA_BROKERS"); brokers != "" {
		c := &Cluster{brokers: strings.Split(brokers, ",")}
		return c, c.connect()
	}
	dir, err := os.MkdirTemp("", "kafkatest-") // outlives the test that asks first
	if err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	shared.dir = dir
	return Start(context.Background(), dir, Options{})
}

func stopShared() {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster != nil {
		shared.cluster.Stop()
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
}

// room is for the nodes of New that run at once: each takes most of a gigabyte
// and, at its start, a core. A package variable because all tests of a binary
// share the machine.
var room = struct {
	sync.Mutex // held by who waits: two that have half each would wait for ever
	nodes      chan struct{}
}{nodes: make(chan struct{}, 4)}

// reserve waits until there is room for a cluster of four nodes at most, and keeps it
// until the test ends.
func reserve(tb testing.TB, nodes int) {
	room.Lock()
	defer room.Unlock()
	for range nodes {
		room.nodes <- struct{}{}
	}
	tb.Cleanup(func() {
		for range nodes {
			<-room.nodes
		}
	})
}

// New starts a cluster for one test, stopped at its end. It skips or fails as
// Shared does, and ignores TEST_KAFKA_BROKERS: what it starts may be killed. It
// waits while others run that leave no room for its nodes, at most four, so a test
// must not start a second one. Nor may it have parallel subtests: they would wait to be
// run, which may be held up by tests that wait for room. What is to run at once calls
// t.Run from goroutines.
func New(tb testing.TB, o Options) *Cluster {
	tb.Helper()
	skipShort(tb)
	reserve(tb, o.nodes())
	c, err := Start(tb.Context(), tb.TempDir(), o)
	require(tb, err)
	tb.Cleanup(c.Stop)
	return c
}

func skipShort(tb testing.TB) {
	tb.Helper()
	if testing.Short() {
		tb.Skip("real Kafka: left out by -short")
	}
}

// require lets the test go on only with a cluster.
func require(tb testing.TB, err error) {
	tb.Helper()
	switch {
	case err == nil:
	case errors.Is(err, errMissing) && os.Getenv("CI") != "true":
		tb.Skipf("NOT TESTED against a real Kafka: %v (install a JRE of 17 or later and Maven, or set TEST_KAFKA_BROKERS)", err)
	default:
		tb.Fatalf("start Kafka: %v", err)
	}
}
