package verify

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

// endless makes up topics as they are read: records of many namespaces in turn,
// and receipts of so many lines each.
type endless struct {
	records    int64 // of each partition
	partitions int32
	namespaces int64
	lines      int64 // of a receipt

	names []string
	value []byte
	rec   wire.Record
	peak  int64 // resident, in KiB
	reads int
}

func (e *endless) Read(_ context.Context, r *scan.Range, each func(*wire.Record) error, _ func(scan.Unread) error) error {
	if r.Topic == "receipts" {
		return e.receipts(each)
	}
	for offset := r.From; offset < r.To; offset++ {
		e.value = append(append(append(e.value[:0], `{"id":"`...), strconv.FormatInt(offset, 10)...), `","text":"a record of some length, as they are","namespace":"`...)
		e.value = append(append(e.value, e.names[offset%e.namespaces]...), `"}`...)
		e.rec = wire.Record{Offset: offset, Timestamp: stamp(offset), Value: e.value}
		if err := e.read(each); err != nil {
			return err
		}
	}
	return nil
}

func (e *endless) read(each func(*wire.Record) error) error {
	if e.reads++; e.reads%100_000 == 0 {
		e.peak = max(e.peak, residentKiB())
	}
	return each(&e.rec)
}

// receipts yields those of one batch after the other: the namespaces in turn,
// each over all partitions.
func (e *endless) receipts(each func(*wire.Record) error) error {
	stride := e.namespaces * e.lines
	for from := int64(0); from < e.records; from += stride {
		for n := range e.namespaces {
			r := receipt.Receipt{RequestID: "req_" + strconv.FormatInt(from+n, 10), Namespace: e.names[n], Records: 1, Attempts: 1}
			for p := range e.partitions {
				first := from + n
				if first >= e.records {
					continue
				}
				lines := min(e.lines, (e.records-1-first)/e.namespaces+1)
				r.Pieces = append(r.Pieces, receipt.Piece{Topic: "t", Partition: p, First: first, Last: first + (lines-1)*e.namespaces, Records: int(lines)})
			}
			if len(r.Pieces) == 0 {
				continue
			}
			value, err := r.Encode()
			if err != nil {
				return err
			}
			e.rec = wire.Record{Value: value}
			if err := e.read(each); err != nil {
				return err
			}
		}
	}
	return nil
}

// residentKiB is this process's resident memory.
func residentKiB() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return n
}

// BenchmarkRun_tenMillion verifies ten million records and reports the most
// resident memory seen. The receipts of the second case are more than fit.
func BenchmarkRun_tenMillion(b *testing.B) {
	for _, c := range []struct {
		name       string
		namespaces int64
		lines      int64
	}{{"large batches", 20, 5000}, {"a receipt of every two lines", 1000, 2}} {
		b.Run(c.name, func(b *testing.B) {
			var namespace record.NamespaceSource
			_ = namespace.UnmarshalText([]byte("field:namespace"))
			var id record.IDSource
			_ = id.UnmarshalText([]byte("field:id"))
			judge, err := scan.NewJudge(&process.Config{Record: record.Settings{Namespace: namespace, ID: id}})
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				e := &endless{records: 1_250_000, partitions: 8, namespaces: c.namespaces, lines: c.lines}
				for n := range c.namespaces {
					e.names = append(e.names, fmt.Sprint("namespace-", n))
				}
				in := input{Receipts: []scan.Range{{TopicPartition: tp("receipts", 0), To: scan.ToEnd}}}
				for p := range e.partitions {
					in.Records = append(in.Records, scan.Range{TopicPartition: tp("t", p), To: e.records})
				}
				began := time.Now()
				report, err := run(b.Context(), in, e, judge)
				if err != nil || report.Total.Covered != 10_000_000 || report.Total.Missing+report.Total.CoveredTwice != 0 {
					b.Fatalf("%+v, %v", report, err)
				}
				b.ReportMetric(float64(e.peak)/1024, "MiB-resident")
				b.ReportMetric(float64(report.Receipts.Passes), "passes")
				b.ReportMetric(10_000_000/time.Since(began).Seconds(), "records/s")
			}
		})
	}
}
