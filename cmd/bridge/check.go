package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/preflight"
	"kafka-import-bridge/internal/record"
)

// checkOptions are the flags of `bridge check`.
type checkOptions struct {
	namespace string // ask the API for an upload URL of this namespace; "" asks for none
	sample    int    // read so many records of each topic; 0 reads none
	json      bool   // one JSON object a line instead of text
}

// checkCommand prepares `bridge check`, which tries everything that run needs and neither
// consumes nor imports.
func checkCommand(set *flag.FlagSet) action {
	var options checkOptions
	set.StringVar(&options.namespace, "namespace", "", "also ask the import API for an upload URL of namespace `NAME`; nothing is uploaded")
	set.IntVar(&options.sample, "sample", 0, "also read `N` records of each topic, the oldest uncommitted ones, outside of the group, and tell what would become of them")
	set.BoolVar(&options.json, "json", false, "print JSON, one object a line")
	return func(ctx context.Context, inv invocation) error {
		if err := options.validate(); err != nil {
			return misuse{err}
		}
		out := &findings{out: inv.stdout, json: options.json}
		w, err := inv.wiring()
		if out.printFaults(err) {
			return errors.Join(errUsage, out.err)
		}
		if err != nil {
			return err
		}
		err = w.checkBridge(ctx, options, out)
		if out.err != nil { // nobody has seen what was found
			return out.err
		}
		return err
	}
}

// validate returns what is wrong with the flags.
func (o checkOptions) validate() error {
	if o.sample < 0 {
		return fmt.Errorf("-sample wants a number of records that is not negative, not %d", o.sample)
	}
	if o.namespace != "" && !record.ValidNamespace(o.namespace) {
		return fmt.Errorf("-namespace wants letters, digits, '_' and '-', not %q", o.namespace)
	}
	return nil
}

// checkBridge prints one line for each thing it tries, and returns errReported
// if any of them is not well, or errUsage if it is the configuration.
func (w *wiring) checkBridge(ctx context.Context, options checkOptions, out *findings) error {
	client, err := w.kafkaClient(ctx)
	misconfigured := out.printFaults(err)
	if err != nil && !misconfigured {
		return err
	}
	if !misconfigured {
		out.print(preflight.Finding{Check: "config", OK: true, Detail: "every setting can be used"})
	}
	if allowed, needed := descriptors(w.cfg); allowed < needed {
		out.print(preflight.Finding{Check: "descriptors", Detail: tooFewDescriptors(allowed, needed), Remedy: moreDescriptors})
	}
	api := make(chan preflight.Finding, 1)
	go func() { api <- w.checkAPI(ctx, options.namespace) }() // bounded by checkPatience, awaited below
	if !misconfigured {
		if err := w.checkKafka(ctx, client, options.sample, out); err != nil {
			return err
		}
	}
	out.print(<-api)
	switch {
	case misconfigured:
		return errUsage
	case out.failed:
		return errReported
	}
	return nil
}

// checkKafka tries what the consumer needs. An error is one with which bridge run would
// end, too.
func (w *wiring) checkKafka(ctx context.Context, client *kafka.Client, sample int, out *findings) error {
	settings, stop, err := w.readerConfig(ctx)
	if err != nil {
		return err
	}
	defer stop()
	checks, err := preflight.New(settings, client)
	if err != nil {
		return err
	}
	checks.Run(ctx, sample, out.print)
	return nil
}

// findings prints each finding in a line as it is made, and remembers whether any failed.
type findings struct {
	out    io.Writer
	json   bool
	failed bool
	err    error // of the first write that went wrong
}

// print prints a finding.
func (f *findings) print(found preflight.Finding) {
	f.failed = f.failed || !found.OK
	var err error
	if f.json {
		err = printJSON(f.out, found)
	} else {
		_, err = fmt.Fprintln(f.out, findingText(found))
	}
	f.err = cmp.Or(f.err, err)
}

// printFaults prints each fault of the configuration that err holds, and reports whether
// there was one.
func (f *findings) printFaults(err error) bool {
	faults := config.Faults(err)
	for _, fault := range faults {
		f.print(preflight.Finding{Check: "config", Detail: fault.Error(), Remedy: fault.Remedy})
	}
	return len(faults) > 0
}

// findingText returns "ok CHECK: DETAIL" or "fail CHECK: DETAIL. Remedy: REMEDY", one
// line whatever an error's text holds.
func findingText(f preflight.Finding) string {
	text := "fail " + f.Check + ": " + f.Detail
	switch {
	case f.OK:
		text = "ok " + f.Check + ": " + f.Detail
	case strings.HasSuffix(f.Detail, "?") && f.Remedy != "":
		text += " Remedy: " + f.Remedy
	case f.Remedy != "":
		text += ". Remedy: " + f.Remedy
	}
	return strings.Join(strings.Fields(text), " ")
}

// printJSON prints a value in one line.
func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
