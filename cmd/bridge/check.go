package main

import (
	"cmp"
	"context"
	"crypto/x509"
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

// checkCommand is `bridge check`: it tries everything that run needs, and
// neither consumes nor imports.
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
		cfg, err := inv.loadConfig()
		if out.tellFaults(err) {
			return errors.Join(errUsage, out.err)
		}
		if err != nil {
			return err
		}
		err = checkBridge(ctx, cfg, options, out)
		if out.err != nil { // nobody has seen what was found
			return out.err
		}
		return err
	}
}

func (o checkOptions) validate() error {
	if o.sample < 0 {
		return errors.New("-sample wants a number of records that is not negative")
	}
	if o.namespace != "" && !record.ValidNamespace(o.namespace) {
		return fmt.Errorf("-namespace wants letters, digits, '_' and '-', not %q", o.namespace)
	}
	return nil
}

// checkBridge prints one line for each thing it tries, and returns errReported
// if any of them is not well, or errUsage if it is the configuration.
func checkBridge(ctx context.Context, cfg *config.Config, options checkOptions, out *findings) error {
	roots, err := rootCAs(cfg.API.CAFile)
	if err != nil {
		return err
	}
	client, err := kafkaClient(ctx, cfg, roots)
	misconfigured := out.tellFaults(err)
	if !misconfigured {
		out.tell(preflight.Finding{Check: "config", OK: true, Detail: "every setting can be used"})
	}
	if allowed, needed := descriptors(cfg); allowed < needed {
		out.tell(preflight.Finding{Check: "descriptors", Detail: tooFewDescriptors(allowed, needed), Remedy: moreDescriptors})
	}
	api := make(chan preflight.Finding, 1)
	go func() { api <- checkAPI(ctx, cfg, options.namespace) }() // bounded by checkPatience, awaited below
	switch {
	case err == nil:
		if err := checkKafka(ctx, cfg, roots, client, options.sample, out); err != nil {
			return err
		}
	case !misconfigured:
		out.tell(preflight.Finding{Check: "kafka", Detail: err.Error(), Remedy: "correct the files of BRIDGE_KAFKA_TLS_*"})
	}
	out.tell(<-api)
	switch {
	case misconfigured:
		return errUsage
	case out.failed:
		return errReported
	}
	return nil
}

// checkKafka tries what the consumer needs. The error is one that bridge run would
// end with, too.
func checkKafka(ctx context.Context, cfg *config.Config, roots *x509.CertPool, client *kafka.Client, sample int, out *findings) error {
	settings, stop, err := readerConfig(ctx, cfg, roots)
	if err != nil {
		return err
	}
	defer stop()
	checks, err := preflight.New(settings, client)
	if err != nil {
		out.tell(preflight.Finding{Check: "records", Detail: err.Error(), Remedy: "correct BRIDGE_NAMESPACE, BRIDGE_NAMESPACE_MAP and BRIDGE_NAMESPACE_ALLOW"})
		return nil
	}
	checks.Run(ctx, sample, out.tell)
	return nil
}

// findings prints what is found, one line each, as it is found.
type findings struct {
	out    io.Writer
	json   bool
	failed bool
	err    error // of the first write that went wrong
}

func (f *findings) tell(found preflight.Finding) {
	f.failed = f.failed || !found.OK
	var err error
	if f.json {
		err = printJSON(f.out, found)
	} else {
		_, err = fmt.Fprintln(f.out, findingText(found))
	}
	f.err = cmp.Or(f.err, err)
}

// tellFaults prints each fault of the configuration that err holds, and whether there
// was one.
func (f *findings) tellFaults(err error) bool {
	faults := config.Faults(err)
	for _, fault := range faults {
		f.tell(preflight.Finding{Check: "config", Detail: fault.Error(), Remedy: fault.Remedy})
	}
	return len(faults) > 0
}

// findingText is "ok CHECK: DETAIL" or "fail CHECK: DETAIL. Remedy: REMEDY", one
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
