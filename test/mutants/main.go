package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"
)

func main() {
	only := flag.String("run", "", "play only mutants whose package and name match this regular `expression`")
	all := flag.Bool("all", false, "run all tests of the named packages, to find out which ones notice")
	verbose := flag.Bool("v", false, "print what the tests say")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants: -run:", err)
		os.Exit(2)
	}
	root, err := os.Getwd()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	mutants := list()
	if *all {
		for i := range mutants {
			mutants[i].by = mutants[i].everyTest()
		}
	}
	ok := playAll(ctx, root, mutants, pattern, *verbose, os.Stdout)
	stop()
	if !ok {
		os.Exit(1)
	}
}

// playAll plays the mutants that match, one after another, prints a line for
// each, and reports whether all are as the list says.
func playAll(ctx context.Context, root string, mutants []mutant, pattern *regexp.Regexp, verbose bool, w io.Writer) bool {
	count := map[verdict]int{}
	ok := true
	for i := range mutants {
		m := &mutants[i]
		if !pattern.MatchString(m.in + " " + m.name) {
			continue
		}
		began := time.Now()
		v, out := play(ctx, root, m)
		if ctx.Err() != nil {
			return false
		}
		count[v]++
		ok = ok && v.good()
		fmt.Fprintf(w, "%-9s %5.1fs  %s: %s\n", v, time.Since(began).Seconds(), m.in, m.name)
		if verbose || !v.good() {
			fmt.Fprint(w, out)
		} else if names := failed(out); len(names) > 0 {
			fmt.Fprintf(w, "                  by %s\n", strings.Join(names, " "))
		}
	}
	fmt.Fprintf(w, "%d killed, %d harmless, %d survived, %d harmful, %d broken\n",
		count[killed], count[harmless], count[survived], count[harmful], count[broken])
	return ok
}
