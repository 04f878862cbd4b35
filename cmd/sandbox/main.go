// Command sandbox runs what the bridge needs around it, in one process on
// loopback: a Kafka, the import API and an object store. It serves development
// and demonstrations; nothing here belongs into production.
//
// This package parses the command line and wires internal/sandbox; the checks
// and the reconciliation live there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// The exit codes of every command.
const (
	exitOK     = 0
	exitFailed = 1 // something broke, or the reconciliation found a fault
	exitUsage  = 2
)

const usage = `usage: sandbox serve [flags]   run Kafka, the import API and the object store
       sandbox demo [flags]    run all of it with the bridge, then reconcile
       sandbox help

Each command prints its flags with -h.
`

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// errUsage marks a mistake on the command line that has been told already.
var errUsage = errors.New("bad usage")

// invocation is one call of the program.
type invocation struct {
	args           []string // after the command's name
	environ        []string
	stdout, stderr io.Writer
}

// command is one thing that the program does.
type command struct {
	name string
	run  func(context.Context, invocation) error
}

// run is the program but for the process: it returns the exit code. SIGINT and
// SIGTERM end the context; a second one ends the process.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]) {
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	commands := []command{{"serve", serveCommand}, {"demo", demoCommand}}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(stderr, "sandbox: unknown command %q\n%s", args[0], usage)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal has its default effect
	switch err := commands[i].run(ctx, invocation{args[1:], environ, stdout, stderr}); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.Is(err, errUsage):
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "sandbox: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// flags returns a set that reports to stderr.
func (inv invocation) flags(name string) *flag.FlagSet {
	set := flag.NewFlagSet("sandbox "+name, flag.ContinueOnError)
	set.SetOutput(inv.stderr)
	return set
}

// parse reads the arguments, which must all be flags.
func (inv invocation) parse(set *flag.FlagSet) error {
	if err := set.Parse(inv.args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if set.NArg() > 0 {
		fmt.Fprintf(inv.stderr, "%s: unexpected argument %q\n", set.Name(), set.Arg(0))
		return errUsage
	}
	return nil
}
