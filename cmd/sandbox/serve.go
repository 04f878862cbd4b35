package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

// serveOptions are the flags of `sandbox serve`.
type serveOptions struct {
	world  worldOptions
	topics string
	faults []string
	rate   int
	seed   uint64
}

// serveCommand is `sandbox serve`: it runs until it is told to stop.
func serveCommand(ctx context.Context, inv invocation) error {
	opts, err := parseServe(inv)
	if err != nil {
		return err
	}
	w, err := startWorld(ctx, opts.world)
	if err != nil {
		return err
	}
	defer w.Close()
	faults, err := readFaults(opts.faults)
	if err != nil {
		return err
	}
	for _, f := range faults {
		w.api.Inject(f)
	}
	opts.announce(inv.stdout, w)
	if opts.rate > 0 {
		feed, err := sandbox.NewFeed(sandbox.FeedOptions{
			Brokers: []string{w.kafka.Addr()}, Rate: opts.rate, Seed: opts.seed, OddShare: 0.005,
		})
		if err != nil {
			return err
		}
		return feed.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

func parseServe(inv invocation) (*serveOptions, error) {
	opts := &serveOptions{}
	set := inv.flags("serve")
	set.IntVar(&opts.world.kafkaPort, "kafka-port", 19092, "where Kafka listens; 0 takes a free port")
	set.IntVar(&opts.world.apiPort, "api-port", 18080, "where the import API and /control/ listen; 0 takes a free port")
	set.IntVar(&opts.world.storePort, "store-port", 18081, "where the object store listens; 0 takes a free port")
	set.StringVar(&opts.topics, "topics", "users:4,listings:4,messages:4,"+deadLetterTopic+","+receiptsTopic, "topics to create, as `NAME:PARTITIONS,...`")
	set.StringVar(&opts.world.api.Key, "key", "", "the API `key` that is accepted; empty accepts any")
	set.StringVar(&opts.world.api.Dir, "dir", "demo-data/objects", "where objects are written, as <dir>/<namespace>/<request id>.jsonl; empty keeps them in memory")
	set.DurationVar(&opts.world.api.URLLife, "url-life", sandbox.DefaultURLLife, "how long an upload URL is valid")
	set.DurationVar(&opts.world.api.IngestDelay, "ingest-delay", 2*time.Second, "how long an import reads \"ingesting\" before \"succeeded\"")
	set.Func("fault", "a fault as JSON, such as {\"operation\":\"create\",\"status\":429,\"retryAfter\":\"2s\",\"probability\":0.1}; may be repeated", func(text string) error {
		opts.faults = append(opts.faults, text)
		_, err := sandbox.ParseFaults([]byte(text))
		return err
	})
	set.IntVar(&opts.rate, "rate", 0, "also produce so many sample records a second")
	set.Uint64Var(&opts.seed, "seed", 1, "of the sample records")
	if err := inv.parse(set); err != nil {
		return nil, err
	}
	topics, err := parseTopics(opts.topics)
	if err != nil {
		fmt.Fprintf(inv.stderr, "%s: %v\n", set.Name(), err)
		return nil, errUsage
	}
	opts.world.topics = topics
	return opts, nil
}

// announce prints where everything is and what to export.
func (o *serveOptions) announce(out io.Writer, w *world) {
	key := o.world.api.Key
	if key == "" {
		key = "sk_sandbox"
	}
	fmt.Fprintf(out, "Kafka       %s\nImport API  %s\n", w.kafka.Addr(), w.apiURL)
	if o.world.api.Dir != "" {
		fmt.Fprintf(out, "Objects     %s/<namespace>/<request id>.jsonl\n", strings.TrimSuffix(o.world.api.Dir, "/"))
	}
	fmt.Fprintf(out, "Faults      curl -d '{\"operation\":\"create\",\"status\":503,\"times\":3}' %s/control/faults\n", w.apiURL)
	fmt.Fprintf(out, "Requests    curl %s/control/requests\n", w.apiURL)
	fmt.Fprint(out, "\nFor the bridge, and (the last two) for an official SDK:\n\n")
	for _, variable := range w.bridgeEnvironment(key) {
		fmt.Fprintf(out, "  export %s\n", variable)
	}
	fmt.Fprint(out, "\nCtrl-C ends it.\n")
}
