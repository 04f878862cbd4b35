package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// transact produces a load in one transaction and ends it as told.
func (w *world) transact(client *kgo.Client, l load, end kgo.TransactionEndTry) {
	w.t.Helper()
	if err := client.BeginTransaction(); err != nil {
		w.t.Fatal(err)
	}
	edit := l.edit
	l.edit = func(i int, r *kgo.Record, want *truth.Record) {
		if edit != nil {
			edit(i, r, want)
		}
		if end == kgo.TryAbort {
			want.Fate = truth.LeftOut
		}
	}
	w.produceWith(client, l)
	if err := client.EndTransaction(w.context(), end); err != nil {
		w.t.Fatal(err)
	}
}

// Committed records alone are sent, and the committed offset reaches the end
// although the last offsets are control records.
func TestTransactions_abortsAndATailOfControlRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	b := w.start()
	client := w.client(kgo.TransactionalID(w.topic))
	for i := range 12 {
		end := kgo.TryCommit
		if i%3 == 1 {
			end = kgo.TryAbort
		}
		w.transact(client, load{records: 300}, end)
	}
	w.produce(load{records: 300})
	for range 5 {
		w.transact(client, load{records: 3}, kgo.TryAbort)
	}
	w.waitStored()
	w.waitCommitted(w.topic)
	w.eventually("no record lags", func() bool { return b.metric("kafka_lag_records") == 0 })
	b.stop()
	w.judge()
}

// A partition waits at an open transaction; the others go on.
func TestTransactions_openOneHoldsItsPartitionAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	b := w.start()
	client := w.client(kgo.TransactionalID(w.topic))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	w.produceWith(client, load{records: 10, topic: w.topic, partitions: 1}) // partition 0 alone
	w.produce(load{records: 200})
	const behind = 10 + 100 // the transaction's, and what follows it on partition 0
	w.eventually("the other partition is stored", func() bool { return w.truth.Missing() == behind })
	if got := w.truth.Lines(); got != 100 {
		t.Errorf("%d lines are stored while a transaction is open, want 100", got)
	}
	if err := client.EndTransaction(w.context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	w.settle(b)
	w.judge()
}

// Whoever asks for uncommitted records gets those of open and aborted transactions, and
// waits for none.
func TestTransactions_uncommittedOnesAreReadIfAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	b := w.start(environment{"BRIDGE_KAFKA_ISOLATION_LEVEL": "read_uncommitted"})
	client := w.client(kgo.TransactionalID(w.topic))
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	w.produceWith(client, load{records: 100})
	w.produce(load{records: 100})
	w.waitStored() // the transaction is open
	w.waitCommitted(w.topic)
	w.eventually("nothing is unread", func() bool { return b.metric("kafka_unread_records")+b.metric("kafka_lag_records") == 0 })
	if err := client.EndTransaction(w.context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
	w.produce(load{records: 100})
	w.settle(b)
	w.judge()
}
