package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/record"
)

// importCommand prepares `bridge import`, which prints what the API says of one import.
// The API's summary may echo records: it goes to stdout, for the person who
// asked, and nowhere else.
func importCommand(*flag.FlagSet) action {
	return func(ctx context.Context, inv invocation) error {
		namespace, id := inv.args[0], inv.args[1]
		switch {
		case !record.ValidNamespace(namespace):
			return misuse{fmt.Errorf("the namespace wants letters, digits, '_' and '-', not %q", namespace)}
		case !importer.ValidRequestID(id):
			return misuse{fmt.Errorf("%q is no request id: the log line \"imported\" has the one of each import", id)}
		}
		w, err := inv.wiring()
		if err != nil {
			return err
		}
		return w.printImport(ctx, namespace, id, inv.stdout)
	}
}

// printImport asks once and prints. It returns errReported if the import failed.
func (w *wiring) printImport(ctx context.Context, namespace, id string, out io.Writer) error {
	client := w.interactiveClient()
	defer client.Close()
	p, err := client.Ask(ctx, namespace, id)
	if err != nil {
		return fmt.Errorf("%w. Remedy: %s", err, askRemedy(err))
	}
	results := "not yet"
	if p.DataCount != nil {
		results = strconv.FormatInt(*p.DataCount, 10)
	} else if p.Final() {
		results = "none"
	}
	var text rows
	text.add("namespace", "%s", namespace)
	text.add("request id", "%s", id)
	text.add("status", "%s", p.Status)
	text.add("results", "%s", results)
	if p.Summary != "" {
		text.add("summary", "%s", harmless(p.Summary))
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return err
	}
	if p.Status == importer.StatusFailed {
		return errReported
	}
	return nil
}

// askRemedy returns the remedy for a question that was not answered.
func askRemedy(err error) string {
	var failed *importer.AskError
	if !errors.As(err, &failed) {
		return "try again later"
	}
	switch failed.Status {
	case 401, 403:
		return "the API key may not read this import: check SAFETYKIT_API_KEY (or its _FILE) and SAFETYKIT_BASE_URL"
	case 404, 410:
		return "the API knows no such import in this namespace: check both names, with those of the log line \"imported\", and SAFETYKIT_BASE_URL"
	case 0:
		return "check SAFETYKIT_BASE_URL, HTTPS_PROXY and NO_PROXY, firewalls, and BRIDGE_HTTP_CA_FILE if its certificate is private"
	case 429:
		return "the API throttles this key: try again later"
	}
	return "the API is not well, or SAFETYKIT_BASE_URL is not its address: try again later"
}

// harmless returns text without control characters that would steer a terminal; line
// ends are kept.
func harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
