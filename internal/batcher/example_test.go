package batcher_test

import (
	"bytes"
	"fmt"
	"time"

	"kafka-import-bridge/internal/batcher"
)

// A session adds lines, uploads what is full or due, and releases what is stored.
func Example() {
	pool := batcher.NewPool()
	b := batcher.New(batcher.Limits{MaxBytes: 8 << 20, MaxRecords: 2, MaxAge: 30 * time.Second}, pool)
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

	upload := func(batch *batcher.Batch) {
		fmt.Printf("%s by %s, %d records:\n%s", batch.Namespace, batch.Reason, batch.Records, bytes.Join(batch.Body(), nil))
		batch.Release()
	}
	for _, record := range []struct{ namespace, line string }{
		{"users", `{"id":"u1"}`},
		{"listings", `{"id":"l1"}`},
		{"users", `{"id":"u2"}`},
	} {
		open, sealed, err := b.Add(record.namespace, []byte(record.line), now.UnixMilli(), now)
		if err != nil {
			fmt.Println(err)
			continue
		}
		if sealed != nil {
			upload(sealed)
		}
		if b.SealFull(open) {
			upload(open)
		}
	}

	due, _ := b.NextDeadline()
	fmt.Println("wait for", due.Sub(now))
	for batch, ok := b.ExpireOldest(due); ok; batch, ok = b.ExpireOldest(due) {
		upload(batch)
	}
	fmt.Println("in use:", pool.InUse())
	// Output:
	// users by records, 2 records:
	// {"id":"u1"}
	// {"id":"u2"}
	// wait for 30s
	// listings by age, 1 records:
	// {"id":"l1"}
	// in use: 0
}
