package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

const (
	demoKey       = "sk_demo"
	demoBatchAge  = time.Second
	demoProbe     = "5s" // what was broken by hand is seen to be mended
	demoIngest    = 2 * time.Second
	readyTimeout  = 30 * time.Second
	catchUpBudget = 60 * time.Second
	stopBudget    = 90 * time.Second // more than BRIDGE_SHUTDOWN_TIMEOUT's default
	progressEvery = time.Second
	keptRate      = 100 // records a second after the verdict, with -keep

	demoDuration    = 8 * time.Second
	watchedDuration = 3 * time.Minute // a graph needs some minutes
)

// errVerdict says that the reconciliation found a fault; the table has told which.
var errVerdict = errors.New("the reconciliation failed")

// errInterrupted says that a signal came before there was a verdict.
var errInterrupted = errors.New("interrupted: no verdict")

// demoOptions are the flags of `sandbox demo`.
type demoOptions struct {
	bridge   string
	dir      string
	duration time.Duration
	rate     int
	seed     uint64
	keep     bool
	watched  bool // by Prometheus
}

// demoCommand is `sandbox demo`: world, bridge, records, and a verdict.
func demoCommand(ctx context.Context, inv invocation) error {
	var opts demoOptions
	set := inv.flags("demo")
	set.StringVar(&opts.bridge, "bridge", "bin/bridge", "the bridge's `binary`")
	set.StringVar(&opts.dir, "dir", "demo-data", "where objects and the bridge's log are written, in a folder of this run")
	set.DurationVar(&opts.duration, "duration", 0, fmt.Sprintf("how long records are produced (default %s, %s with Prometheus)", demoDuration, watchedDuration))
	set.IntVar(&opts.rate, "rate", 3000, "records a second")
	set.Uint64Var(&opts.seed, "seed", 1, "of the sample records")
	set.BoolVar(&opts.keep, "keep", false, "after the verdict let records come, if few, and leave everything running until Ctrl-C")
	set.BoolVar(&opts.watched, "with-prometheus", false, "also run a Prometheus that scrapes the bridge, with the chart's alerts")
	if err := inv.parse(set); err != nil {
		return err
	}
	if opts.duration <= 0 {
		opts.duration = demoDuration
		if opts.watched {
			opts.duration = watchedDuration
		}
	}
	opts.dir = filepath.Join(opts.dir, time.Now().Format("20060102-150405.000"))
	d := &demo{opts: opts, tally: sandbox.NewTally(), screen: newScreen(inv.stdout)}
	return d.run(ctx, inv.environ)
}

// demo is one run. The feed and the store tell the tally while the main
// goroutine draws the screen.
type demo struct {
	opts   demoOptions
	world  *world
	bridge *bridge
	feed   *sandbox.Feed
	tally  *sandbox.Tally
	screen *screen

	prometheus *prometheus // nil: nobody watches

	offsets *offsets

	batches atomic.Int64 // objects stored
	bytes   atomic.Int64
	judged  atomic.Bool // what comes now is not reconciled
}

func (d *demo) run(ctx context.Context, environ []string) error {
	defer d.close()
	if err := d.start(ctx, environ); err != nil {
		return err
	}
	d.announce(ctx)
	if err := d.produce(ctx); err != nil {
		if ctx.Err() != nil {
			return errInterrupted
		}
		return d.explain(err)
	}
	if d.opts.keep {
		return d.keepRunning(ctx)
	}
	last, err := d.catchUp(ctx, func(reading) bool { return true })
	if err != nil {
		return d.explain(err)
	}
	d.screen.printf("stopping the bridge with SIGTERM while %d records wait in open batches\n", max(0, last.lag))
	exit := d.bridge.stop(stopBudget)
	verdict, err := d.judge(ctx, last.skipped)
	if err != nil {
		return d.explain(err)
	}
	verdict.add("bridge exit code", exit == 0, fmt.Sprint(exit))
	return errors.Join(d.conclude(verdict), d.verify(ctx))
}

// verify lets the bridge account for every record by itself.
func (d *demo) verify(ctx context.Context) error {
	out, err := d.bridge.command(ctx, "verify")
	d.screen.printf("\n$ bridge verify\n%s", out)
	if err != nil {
		return errVerdict
	}
	return nil
}

// announce says what runs, and where to look.
func (d *demo) announce(ctx context.Context) {
	say := d.screen.printf
	say("The bridge runs between a local Kafka and a local import API and store. %d records a second\n", d.opts.rate)
	say("come for %s, a few of them bad; then it is stopped, and every record accounted for.\n", d.opts.duration)
	if !d.opts.keep {
		say("(make demo ARGS=-keep leaves all of it running; ARGS='-duration 5m' gives more time to look.)\n")
	}
	say("\nstatus page  %s/\nobjects      %s\nbridge log   %s\n", d.bridge.url, d.objects(), d.bridge.log)
	if d.prometheus != nil {
		say("%s", d.prometheus.where(ctx))
	}
	faults := d.world.apiURL + "/control/faults"
	say("\nTo see trouble, let the API refuse a namespace or fail an import, and mend it again:\n")
	say("  refuse     curl -d '{\"operation\":\"create\",\"namespace\":\"acme-users\",\"status\":400}' %s\n", faults)
	say("  fail       curl -d '{\"operation\":\"ingest\",\"namespace\":\"acme-users\",\"verdict\":\"failed\",\"summary\":\"out of quota\",\"times\":1}' %s\n", faults)
	say("  mend       curl -X DELETE %s\n\n", faults)
}

func (d *demo) objects() string { return filepath.Join(d.opts.dir, "objects") }

// start brings everything up to a bridge that is a member of its group, and is
// watched if that is wanted.
func (d *demo) start(ctx context.Context, environ []string) (err error) {
	watcher := ""
	if d.opts.watched {
		if watcher, err = findPrometheus(); err != nil {
			return err
		}
	}
	d.world, err = startWorld(ctx, worldOptions{
		topics: sampleTopics(4),
		api:    sandbox.Options{Key: demoKey, Dir: d.objects(), OnStored: d.stored, IngestDelay: demoIngest},
	})
	if err != nil {
		return err
	}
	d.feed, err = sandbox.NewFeed(sandbox.FeedOptions{
		Brokers: []string{d.world.kafka.Addr()}, Rate: d.opts.rate, Duration: d.opts.duration,
		Seed: d.opts.seed, OddShare: 0.005, Tally: d.tally,
	})
	if err != nil {
		return err
	}
	if d.offsets, err = newOffsets(d.world.kafka.Addr()); err != nil {
		return err
	}
	settings := append(d.world.bridgeEnvironment(demoKey), "BRIDGE_BATCH_MAX_AGE="+demoBatchAge.String(), "BRIDGE_HOLD_PROBE_INTERVAL="+demoProbe)
	d.bridge, err = startBridge(ctx, d.opts.bridge, filepath.Join(d.opts.dir, "bridge.log"), environ, settings)
	if err != nil {
		return err
	}
	if err := d.bridge.waitReady(ctx, readyTimeout); err != nil {
		return d.explain(err)
	}
	if d.opts.watched {
		d.prometheus, err = startPrometheus(ctx, watcher, prometheusOptions{bridge: d.bridge.url, interval: progressEvery})
	}
	return err
}

// stored is told of each object before the bridge is.
func (d *demo) stored(o sandbox.Object) {
	if !d.judged.Load() {
		d.tally.Stored(o.Namespace, o.IDs...)
	}
	d.batches.Add(1)
	d.bytes.Add(o.Bytes)
}

// produce runs the feed to its end and shows how far things are.
func (d *demo) produce(ctx context.Context) error {
	feeding, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.feed.Run(feeding) }() // ends with feeding or its duration; received below
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err == nil {
				err = ctx.Err()
			}
			return err
		case <-d.bridge.process.Done():
			cancel()
			return errors.Join(errors.New("the bridge ended by itself"), <-done)
		case <-tick.C:
			reading, _ := d.bridge.read(ctx) // an unread page only leaves lag out
			d.draw(reading)
		}
	}
}

// catchUp waits until the bridge has read all that was produced, and its state
// satisfies done.
func (d *demo) catchUp(ctx context.Context, done func(reading) bool) (reading, error) {
	ends, err := d.offsets.ends(ctx)
	if err != nil {
		return reading{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, catchUpBudget, fmt.Errorf("the bridge did not catch up within %s", catchUpBudget))
	defer cancel()
	tick := time.NewTicker(progressEvery / 4)
	defer tick.Stop()
	for {
		last, err := d.bridge.read(ctx)
		if err == nil {
			d.draw(last)
			if last.reached(ends) && done(last) {
				return last, nil
			}
		}
		select {
		case <-tick.C:
		case <-d.bridge.process.Done():
			return last, errors.New("the bridge ended by itself")
		case <-ctx.Done():
			return last, context.Cause(ctx)
		}
	}
}

// explain adds the end of the bridge's log to an error.
func (d *demo) explain(err error) error {
	if d.bridge == nil {
		return err
	}
	return fmt.Errorf("%w\nthe bridge's last lines (%s):\n%s", err, d.bridge.log, d.bridge.tail())
}

func (d *demo) close() {
	if d.prometheus != nil {
		if err := d.prometheus.close(); err != nil {
			d.screen.printf("%v\n", err)
		}
	}
	if d.bridge != nil {
		d.bridge.kill()
	}
	if d.offsets != nil {
		d.offsets.close()
	}
	if d.world != nil {
		d.world.Close()
	}
}
