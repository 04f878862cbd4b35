package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// baselineFile holds the commit to compare with.
const baselineFile = "bench/check/baseline"

// errSlower says that the comparison was made and a benchmark failed it.
var errSlower = errors.New("slower than the baseline")

// options are what the command line says.
type options struct {
	root     string // of the repository
	base     string // a revision; empty is what baselineFile holds
	packages string
	pattern  string
	skip     string
	turns    int           // of each build, at least
	budget   time.Duration // of a package, or of a benchmark that seems slower
	count    int           // measurements a turn
	slice    time.Duration // of one measurement
	limit    float64
	update   bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errSlower):
		fmt.Fprintln(os.Stderr, "bench-check:", err)
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "bench-check:", err)
		os.Exit(2)
	}
}

func parse(args []string) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("check", flag.ContinueOnError)
	f.StringVar(&o.base, "base", "", "revision to compare with; by default the one in "+baselineFile)
	f.StringVar(&o.packages, "packages", "internal/record,internal/wire,internal/batcher,internal/consumer/ledger,internal/importer", "folders of the benchmarks")
	f.StringVar(&o.pattern, "run", ".", "regular expression of benchmarks")
	f.StringVar(&o.skip, "skip", "^BenchmarkClient_Attempt$", "regular expression of benchmarks to leave out: those that wait for sockets measure the kernel's scheduler too")
	f.IntVar(&o.turns, "turns", 4, "turns of each build, at least")
	f.DurationVar(&o.budget, "budget", 10*time.Second, "how long further turns may begin, of a package and of each benchmark that seems slower")
	f.IntVar(&o.count, "count", 3, "measurements of each benchmark in a turn")
	f.DurationVar(&o.slice, "slice", 2*time.Millisecond, "length of a measurement; short ones fit between two disturbances")
	f.Float64Var(&o.limit, "limit", 1.15, "how many times the baseline's time a benchmark may take")
	f.BoolVar(&o.update, "update", false, "make HEAD the baseline")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 || o.turns < 1 || o.count < 1 {
		return nil, fmt.Errorf("unknown argument, or a number that is not positive")
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.root, err = git(ctx, ".", "rev-parse", "--show-toplevel"); err != nil {
		return err
	}
	if o.update {
		return o.writeBaseline(ctx)
	}
	base, err := o.baseline(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-check-")
	if err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(os.Stderr, "baseline %.12s; building\n", base)
	c, err := o.build(ctx, dir, base)
	if err != nil {
		return err
	}
	if err := c.measure(ctx); err != nil {
		return err
	}
	fmt.Print(c.table())
	return c.verdict()
}

// baseline is the commit to compare with.
func (o *options) baseline(ctx context.Context) (string, error) {
	revision := o.base
	if revision == "" {
		text, err := os.ReadFile(filepath.Join(o.root, baselineFile))
		if err != nil {
			return "", fmt.Errorf("read baseline: %w", err)
		}
		revision = strings.TrimSpace(string(text))
	}
	commit, err := git(ctx, o.root, "rev-parse", "--verify", "--quiet", revision+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("find baseline %s: this clone does not have it (git fetch --unshallow, or -base REVISION)", revision)
	}
	return commit, nil
}

func (o *options) writeBaseline(ctx context.Context) error {
	head, err := git(ctx, o.root, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if changed, err := git(ctx, o.root, "status", "--porcelain", "--", "internal", "go.mod"); err != nil || changed != "" {
		return fmt.Errorf("update baseline: commit the changes in internal first: the baseline is a commit")
	}
	if err := os.WriteFile(filepath.Join(o.root, baselineFile), []byte(head+"\n"), 0o644); err != nil {
		return fmt.Errorf("update baseline: %w", err)
	}
	fmt.Printf("baseline is %.12s now; commit %s\n", head, baselineFile)
	return nil
}

// git runs a git command and returns its trimmed output.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("run git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
