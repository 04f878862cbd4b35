package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.list {
		for _, s := range o.all() {
			fmt.Printf("%-16s %s\n", s.name, s.title)
		}
		return nil
	}
	if err := o.missing(); err != nil {
		return err
	}
	cluster, err := startKafka(ctx, o.brokers)
	if err != nil {
		return err
	}
	defer cluster.stop()
	store, err := newSink()
	if err != nil {
		return err
	}
	defer store.stop()
	if cluster.tls != nil {
		if err := store.serveTLS(cluster.tls.server); err != nil {
			return err
		}
	}
	b := &bench{options: o, cluster: cluster, store: store, subjects: o.subjects(), before: here(ctx)}
	if err := b.all(ctx); err != nil {
		return err
	}
	fmt.Println()
	fmt.Print(b.report().markdown())
	if o.write != "" {
		if err := b.report().write(o.write); err != nil {
			return err
		}
	}
	return b.bridgeError()
}
