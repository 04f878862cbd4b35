package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"
)

// plan is what to measure.
type plan struct {
	bridge   string // the binary
	against  string // another build of the bridge; empty leaves it out
	bento    string // the binary; empty leaves Bento out
	straight string // the binary; empty leaves the straight-line program out
	codecs   []string
	shape    shape
	age      time.Duration // bound of a batch's age, of every subject
	delay    time.Duration // of the store, per PUT
	runs     int
	limit    time.Duration // of one run
	brokers  string        // an external Kafka
	write    string        // folder of RESULTS.md; empty writes none
	profile  string        // file for a CPU profile of the bridge's last run
	env      []string      // NAME=value, for the bridge
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	p, err := parse(args)
	if err != nil {
		return err
	}
	cluster, err := startKafka(ctx, p.brokers)
	if err != nil {
		return err
	}
	defer cluster.stop()
	store, err := newSink(p.delay)
	if err != nil {
		return err
	}
	defer store.stop()
	b := &bench{plan: p, cluster: cluster, store: store, subjects: p.subjects()}
	if err := b.all(ctx); err != nil {
		return err
	}
	fmt.Println()
	fmt.Print(b.table())
	if p.write == "" {
		return nil
	}
	return b.writeResults(ctx)
}

func parse(args []string) (*plan, error) {
	p := &plan{}
	var codecs, env string
	size, record, batch := byteSize(1<<30), byteSize(1<<10), byteSize(64<<10)
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&p.bridge, "bridge", "bin/bridge", "the bridge's binary")
	f.StringVar(&p.against, "against", "", "another build of the bridge to compare with")
	f.StringVar(&p.straight, "straightline", "", "the straight-line program's binary (make bench-peers sets it)")
	f.StringVar(&p.bento, "bento", "", "Bento's binary (make bench-peers sets it)")
	f.StringVar(&codecs, "codecs", "none,lz4,zstd", "codecs of the producer: none, gzip, snappy, lz4, zstd")
	f.Var(&size, "size", "bytes of records in each topic")
	f.Var(&record, "record", "mean bytes of a record")
	f.Var(&batch, "producer-batch", "bytes of a producer's batch, before compression")
	f.IntVar(&p.shape.partitions, "partitions", 8, "partitions of each topic")
	f.IntVar(&p.shape.namespaces, "namespaces", 20, "namespaces, the n-th half as frequent as the first for n = 2, a third for n = 3 …")
	f.DurationVar(&p.age, "age", 5*time.Second, "BRIDGE_BATCH_MAX_AGE, and the same for the others; a short one cuts the batches of slow ones")
	f.DurationVar(&p.delay, "delay", 0, "how long the store thinks before it answers a PUT")
	f.IntVar(&p.runs, "runs", 1, "runs of each subject and codec; the median is told")
	f.DurationVar(&p.limit, "limit", 5*time.Minute, "how long one run may take")
	f.StringVar(&p.brokers, "brokers", "", "host:port,… of a Kafka that is there already")
	f.StringVar(&p.write, "write", "", "folder to write RESULTS.md and results.svg to")
	f.StringVar(&p.profile, "profile", "", "file for a CPU profile of the bridge, taken in its last run")
	f.StringVar(&env, "env", "", "further settings of the bridge: NAME=value,…")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	p.codecs = strings.Split(codecs, ",")
	if env != "" {
		p.env = strings.Split(env, ",")
	}
	p.shape.bytes, p.shape.record, p.shape.batch = int64(size), int(record), int(batch)
	return p, p.check()
}

func (p *plan) check() error {
	for _, c := range p.codecs {
		if _, err := compression(c); err != nil {
			return err
		}
	}
	if p.shape.record < minRecord || p.shape.partitions < 1 || p.shape.namespaces < 1 || p.runs < 1 {
		return fmt.Errorf("a record has at least %d bytes; partitions, namespaces and runs are positive", minRecord)
	}
	return nil
}

// byteSize is a flag like 1048576, 64KiB, 1GiB.
type byteSize int64

// String implements flag.Value.
func (b *byteSize) String() string { return fmt.Sprint(int64(*b)) }

// Set implements flag.Value.
func (b *byteSize) Set(text string) error {
	unit := int64(1)
	for i, name := range []string{"KiB", "MiB", "GiB"} {
		if number, ok := strings.CutSuffix(text, name); ok {
			text, unit = number, 1<<(10*(i+1))
		}
	}
	var n int64
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || n <= 0 {
		return fmt.Errorf("parse size %q: want a number, KiB, MiB or GiB", text)
	}
	*b = byteSize(n * unit)
	return nil
}
