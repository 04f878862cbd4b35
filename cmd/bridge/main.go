// Command bridge reads Kafka records, gathers them by namespace into JSONL
// batches and imports each through the import API before it commits.
//
// This package parses the command line, builds the rooms and maps how they end
// to an exit code. It alone wires them to each other, and main is the only place that
// exits.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/logging"
)

// The exit codes of every command.
const (
	exitOK     = 0 // a clean stop
	exitFailed = 1 // failed while running
	exitUsage  = 2 // bad configuration or usage
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// errUsage marks a mistake on the command line that was printed already.
var errUsage = errors.New("bad usage")

// errReported marks a failure that was printed already.
var errReported = errors.New("already reported")

// invocation is one call of the program.
type invocation struct {
	args    []string // after the command's name; once its flags are parsed, after those
	environ []string
	stdout  io.Writer
	stderr  *logging.Writer
}

// run runs the program and returns its exit code. It has written all of its output then,
// unless stderr blocks.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	queue := logging.NewWriter(stderr)
	defer queue.Close(logFlushTimeout)
	return invoke(ctx, args, environ, stdout, queue)
}

// invoke runs the command that args name.
func invoke(ctx context.Context, args, environ []string, stdout io.Writer, stderr *logging.Writer) int {
	name := defaultCommand
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.Name == name })
	if i < 0 {
		fmt.Fprintf(stderr, "bridge: unknown command %q\n%s", name, describe(all).Usage())
		return exitUsage
	}
	return exitCode(all[i].run(ctx, invocation{args, environ, stdout, stderr}), stderr)
}

// exitCode maps how a command ended to an exit code, and prints a failure that
// was not printed yet.
func exitCode(err error, stderr io.Writer) int {
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	case len(config.Faults(err)) > 0:
		fmt.Fprintf(stderr, "bridge: the configuration cannot be used:\n%v\n", err)
		return exitUsage
	case !errors.Is(err, errReported):
		fmt.Fprintf(stderr, "bridge: %v\n", err)
	}
	return exitFailed
}

// wiring reads the configuration and the root certificates.
func (inv invocation) wiring() (*wiring, error) {
	cfg, err := inv.config()
	if err != nil {
		return nil, err
	}
	roots, err := newRoots(newLogger(inv.stderr, cfg.Log), rootsFile{"BRIDGE_HTTP_CA_FILE", cfg.API.CAFile})
	if err != nil {
		return nil, err
	}
	return &wiring{cfg, roots}, nil
}

// config reads the configuration. An error joins its faults, see [config.Faults].
func (inv invocation) config() (*config.Config, error) {
	return config.Load(inv.environ, containerMemory())
}
