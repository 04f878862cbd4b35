package session

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/internal/record"
)

// testConfig is a configuration with small bounds, changed by the test.
func testConfig(t testing.TB, change ...func(*process.Config)) process.Config {
	t.Helper()
	var namespace record.NamespaceSource
	if err := namespace.UnmarshalText([]byte("field:ns")); err != nil {
		t.Fatal(err)
	}
	var id record.IDSource
	if err := id.UnmarshalText([]byte("field:id")); err != nil {
		t.Fatal(err)
	}
	cfg := process.Config{
		Settings: group.Settings{Group: "bridge", SessionTimeout: 30 * time.Second, RebalanceTimeout: 120 * time.Second, HeartbeatInterval: 3 * time.Second},
		Topics:   kafka.Selection{Topics: []string{"orders"}}, ReadCommitted: true,
		Fetch: fetch.Requests{MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond}, MetadataRefresh: 30 * time.Second,
		Record:         record.Settings{Namespace: namespace, ID: id},
		Batch:          batcher.Limits{MaxBytes: 1 << 20, MaxRecords: 1000, MaxAge: 10 * time.Second},
		BufferMaxBytes: 16 << 20, ShutdownTimeout: 60 * time.Second,
		Policies: process.Policies{HoldProbeInterval: time.Minute},
		Uploads:  process.Uploads{UploadConcurrency: 4, NamespaceConcurrency: 1, MaxBackoff: 30 * time.Second},
	}
	for _, c := range change {
		c(&cfg)
	}
	return cfg
}
