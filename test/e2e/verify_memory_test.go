package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/test/child"
)

var (
	verifyRecords = flag.Int("verify.records", 400_000, "how many records TestVerify_memory puts into its topic")
	verifyLines   = flag.Int("verify.lines", 200, "how many lines of a partition each of its receipts holds")
)

// TestVerify_memory: what bridge verify keeps resident does not grow with the
// topics. The measurement of ten million records, which takes a few minutes:
//
//	go test ./test/e2e -run 'TestVerify_memory$' -v -verify.records=10000000
//
// With -verify.lines=2 there are more receipts than are kept at once.
func TestVerify_memory(t *testing.T) {
	const (
		partitions = 4
		namespaces = 20
		limit      = 200 << 20
	)
	lines := *verifyLines
	w := newWorld(t, partitions)
	receipts := w.receiptsTopic()
	client := w.client(kgo.ProducerLinger(50*time.Millisecond), kgo.ProducerBatchMaxBytes(900<<10), kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		kgo.MaxBufferedRecords(100_000))
	failed := func(_ *kgo.Record, err error) {
		if err != nil {
			t.Error(err)
		}
	}
	each := int64(*verifyRecords / partitions / namespaces / lines * namespaces * lines)
	name := func(n int64) string { return fmt.Sprintf("ns-%02d", n) }
	began := time.Now()
	for offset := range each {
		for p := range int32(partitions) {
			value := fmt.Appendf(nil, `{"id":"%d-%d","namespace":%q}`, p, offset, name(offset%namespaces))
			client.Produce(t.Context(), &kgo.Record{Topic: w.topic, Partition: p, Value: value}, failed)
		}
	}
	stride := int64(namespaces * lines)
	for from := int64(0); from < each; from += stride {
		for n := range int64(namespaces) {
			r := receipt.Receipt{RequestID: fmt.Sprint("req_", from+n), Namespace: name(n), Records: partitions * lines, Attempts: 1, StoredAt: began}
			for p := range int32(partitions) {
				first := from + n
				r.Pieces = append(r.Pieces, receipt.Piece{Topic: w.topic, Partition: p, First: first, Last: first + int64(lines-1)*namespaces, Records: lines})
			}
			value, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			client.Produce(t.Context(), &kgo.Record{Topic: receipts, Partition: int32(n % 2), Key: r.Key(), Value: value}, failed)
		}
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	offsets := kadm.Offsets{}
	for p := range int32(partitions) {
		offsets.Add(kadm.Offset{Topic: w.topic, Partition: p, At: each, LeaderEpoch: -1})
	}
	if err := w.admin.CommitAllOffsets(w.context(), w.group, offsets); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d records were produced in %s", partitions*each, time.Since(began).Round(time.Second))

	began = time.Now()
	v, peak := w.verifyWatched()
	t.Logf("verified in %s, %d MiB were resident at most", time.Since(began).Round(100*time.Millisecond), peak>>20)
	if v.Total.Records != partitions*each || v.Total.Covered != partitions*each || v.Total.Missing+v.Total.CoveredTwice != 0 {
		t.Errorf("%+v, %q", v.Total, v.Notes)
	}
	if peak > limit {
		t.Errorf("%d MiB were resident, more than %d", peak>>20, limit>>20)
	}
	w.judge()
}

// verifyWatched runs bridge verify and returns its report, and how many bytes it had
// resident at most.
func (w *world) verifyWatched() (v verified, peak int) {
	w.t.Helper()
	cmd := exec.Command(bridgeBinary(w.t), "verify", "-json") //nolint:noctx // child ends it with the test
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for k, value := range w.env {
		cmd.Env = append(cmd.Env, k+"="+value)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	p, err := child.Start(cmd)
	if err != nil {
		w.t.Fatal(err)
	}
	defer p.Kill()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.Alive() {
		select {
		case <-tick.C:
			peak = max(peak, peakOf(p.PID()))
		case <-p.Done():
		}
	}
	if peak == 0 {
		w.t.Skip("the peak of memory is known on Linux only")
	}
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		w.t.Fatalf("bridge verify ended with %d and printed %s%s", p.ExitCode(), out.String(), errs.String())
	}
	return v, peak
}
