package main

import (
	"flag"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// options are what the command line says.
type options struct {
	bridge, against string // binaries; empty leaves one out
	straight, bento string
	bentoConfig     string
	scenarios       []scenario
	base            shape // of the codec scenarios; the others change one thing of it
	data            *recordFile
	field           string        // dotted path of the namespace
	age             time.Duration // bound of a batch's age, of every subject
	runs            int
	limit           time.Duration // of one run
	rate            int64         // bytes a second of the scenario "latency"
	latencyFor      time.Duration
	buffer          int64  // BRIDGE_BUFFER_MAX_BYTES
	brokers         string // an external Kafka
	write           string // folder of the results; empty writes none
	profile         string // file for a CPU profile of the bridge's last run
	env             []string
	commandLine     string // told in the results
	list            bool
}

func parse(args []string) (*options, error) {
	o := &options{commandLine: strings.Join(args, " ")}
	var names, env, codec, data string
	size, record, batch, rate, buffer := byteSize(1<<30), byteSize(1<<10), byteSize(64<<10), byteSize(20e6), byteSize(256<<20)
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.bridge, "bridge", "bin/bridge", "the bridge's binary")
	f.StringVar(&o.against, "against", "", "another build of the bridge to compare with")
	f.StringVar(&o.straight, "straightline", "", "the straight-line program's binary (make bench-peers sets it)")
	f.StringVar(&o.bento, "bento", "", "Bento's binary (make bench-peers sets it)")
	f.StringVar(&o.bentoConfig, "bento-config", "bench/peers/bento/bench.yaml", "Bento's configuration")
	f.StringVar(&names, "scenarios", "all", "what to measure, a comma-separated list; -list tells the names")
	f.BoolVar(&o.list, "list", false, "tell the scenarios and end")
	f.StringVar(&codec, "codec", "lz4", "codec of the scenarios that are not about codecs: "+strings.Join(codecs, ", "))
	f.Var(&size, "size", "bytes of records in the topic of a codec scenario; the others take a half or less")
	f.Var(&record, "record", "mean bytes of a record")
	f.Var(&batch, "producer-batch", "bytes of a producer's batch, before compression")
	f.IntVar(&o.base.partitions, "partitions", 8, "partitions of a topic")
	f.IntVar(&o.base.namespaces, "namespaces", 20, "namespaces: the second is half as frequent as the first, the third a third …")
	f.StringVar(&data, "data", "", "file of JSON records, one a line, to repeat instead of generated ones; each needs a string id")
	f.StringVar(&o.field, "field", "namespace", "where in the records of -data the namespace is, a dotted path")
	f.DurationVar(&o.age, "age", 3*time.Second, "how old a batch may get, of every subject; a short one cuts the batches of slow ones")
	f.IntVar(&o.runs, "runs", 1, "runs of each subject and scenario; medians are told")
	f.DurationVar(&o.limit, "limit", 2*time.Minute, "how long one run may take")
	f.Var(&rate, "rate", "bytes a second of the scenario latency")
	f.DurationVar(&o.latencyFor, "latency-for", 12*time.Second, "how long the latency scenarios measure")
	f.Var(&buffer, "buffer", "BRIDGE_BUFFER_MAX_BYTES of the bridge")
	f.StringVar(&o.brokers, "brokers", "", "host:port,… of a Kafka that is there already")
	f.StringVar(&o.write, "write", "", "folder to write RESULTS.md and results.svg to")
	f.StringVar(&o.profile, "profile", "", "file for a CPU profile of the bridge, taken in its last run")
	f.StringVar(&env, "env", "", "further settings of the bridge: NAME=value,…")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	if env != "" {
		o.env = strings.Split(env, ",")
	}
	o.base.bytes, o.base.record, o.base.batch, o.base.codec = int64(size), int(record), int(batch), codec
	o.rate, o.buffer = int64(rate), int64(buffer)
	if data != "" {
		if err := o.readData(data); err != nil {
			return nil, err
		}
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	var err error
	o.scenarios, err = choose(o.all(), names)
	return o, err
}

func (o *options) readData(file string) (err error) {
	if o.data, err = readRecords(file, o.field); err != nil {
		return err
	}
	o.base.record = max(minRecord, o.data.mean())
	return nil
}

func (o *options) check() error {
	if _, err := compression(o.base.codec); err != nil {
		return err
	}
	if o.data == nil && o.field != "namespace" {
		return fmt.Errorf("-field is for -data: generated records have %q", "namespace")
	}
	b := o.base
	if b.record < minRecord || b.partitions < 1 || b.namespaces < 1 || o.runs < 1 {
		return fmt.Errorf("a record has at least %d bytes; partitions, namespaces and runs are positive", minRecord)
	}
	if b.records() < 1 {
		return fmt.Errorf("-size %d is less than one record of %d bytes", b.bytes, b.record)
	}
	return nil
}

// byteSize is a flag like 1048576, 64KiB, 1GiB, 20MB.
type byteSize int64

// String implements flag.Value.
func (b *byteSize) String() string { return fmt.Sprint(int64(*b)) }

// Set implements flag.Value.
func (b *byteSize) Set(text string) error {
	number, unit := text, int64(1)
	for _, u := range []struct {
		name string
		size int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}} {
		if n, ok := strings.CutSuffix(text, u.name); ok {
			number, unit = n, u.size
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("parse size %q: want a positive number, or one with KiB, MiB, GiB, kB, MB, GB", text)
	}
	*b = byteSize(n * unit)
	return nil
}
