package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/verify"
)

// recordCommand prepares `bridge record`, which prints what became of one record.
func recordCommand(set *flag.FlagSet) action {
	asJSON := set.Bool("json", false, "print one JSON object instead of text")
	return func(ctx context.Context, inv invocation) error {
		place, last, ok := kafka.ParsePlaces(inv.args[0])
		if !ok || last != place.Offset {
			return misuse{fmt.Errorf("a record is named topic/partition@offset, as in users/3@4711, not %q", inv.args[0])}
		}
		w, err := inv.wiring()
		if err != nil {
			return err
		}
		var trail *verify.Trail
		err = w.audit(ctx, func(a *verify.Audit) (err error) {
			trail, err = a.Trace(ctx, place)
			return err
		})
		if err != nil {
			return err
		}
		failed := w.askVerdicts(ctx, trail)
		if *asJSON {
			err = printJSON(inv.stdout, trail)
		} else {
			err = printTrail(inv.stdout, trail, w.cfg)
		}
		if err == nil && (failed || !trail.Settled()) {
			return errReported
		}
		return err
	}
}

// askVerdicts asks the API about imports whose end the receipts do not hold,
// and reports whether any import has failed. What the API does not answer becomes a
// note.
func (w *wiring) askVerdicts(ctx context.Context, t *verify.Trail) (failed bool) {
	client := w.interactiveClient()
	defer client.Close()
	var err error
	for _, d := range t.Deliveries {
		for _, i := range d.Imports {
			if i.Status == "" && i.RequestID != "" && err == nil {
				var p importer.Progress
				if p, err = client.Ask(ctx, d.Namespace, i.RequestID); err == nil {
					i.Status = p.Status
				}
			}
			failed = failed || i.Status == importer.StatusFailed
		}
	}
	if err != nil {
		t.Notes = append(t.Notes, fmt.Sprintf("what the API makes of it is not known: %v", err))
	}
	return failed
}

// stateTexts are the words for the states of a delivery.
var stateTexts = map[string]string{
	verify.Imported:     "imported",
	verify.DeadLettered: "dead-lettered",
	verify.LeftOut:      "left out",
	verify.Held:         "held: see pinned_by in /status",
	verify.Waiting:      "not stored yet, or not committed: see /status",
	verify.Committed:    "stored: the committed offset has passed it",
	verify.Missing:      "MISSING: the committed offset has passed it, and no receipt or dead letter accounts for it",
}

// printTrail prints what became of a record, a line for each thing that is known.
func printTrail(out io.Writer, t *verify.Trail, cfg *config.Config) error {
	var text rows
	switch {
	case !t.There:
		text.add("record", "%s, which the log does not hold", t.Place)
	case t.WrittenAt != nil:
		text.add("record", "%s of %s", t.Place, t.WrittenAt.Format(time.RFC3339Nano))
	default:
		text.add("record", "%s", t.Place)
	}
	switch {
	case t.Committed < 0:
		text.add("committed", "no: group %s has no offset here", cfg.Kafka.GroupID)
	case t.Offset < t.Committed:
		text.add("committed", "yes: group %s is at %d", cfg.Kafka.GroupID, t.Committed)
	default:
		text.add("committed", "no: group %s is at %d", cfg.Kafka.GroupID, t.Committed)
	}
	for _, d := range t.Deliveries {
		if d.Namespace == "" {
			text.add("no line", "%s (%s %s)", stateTexts[d.State], t.Reason, t.Detail)
		} else {
			text.add("namespace", "%s: %s", d.Namespace, stateTexts[d.State])
		}
		for _, i := range d.Imports {
			text.add("  import", "%s, stored %s, with %d lines of offsets %d-%d", i.RequestID, i.StoredAt.Format(time.RFC3339Nano), i.Records, i.First, i.Last)
			text.add("  API", "%s", verdictText(i))
		}
		for _, l := range d.Letters {
			text.add("  letter", "%s/%d@%d: %s, %s", cfg.Policies.DLQTopic, l.Partition, l.Offset, l.Reason, harmless(l.Error))
		}
	}
	for _, note := range t.Notes {
		text.add("note", "%s", note)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// rows builds a text with one line for each thing that is known, its name before it.
type rows struct{ strings.Builder }

// add adds a line.
func (r *rows) add(name, format string, args ...any) {
	fmt.Fprintf(r, "%-12s%s\n", name, fmt.Sprintf(format, args...))
}

// verdictText returns the API's verdict on an import in words, as far as it is known.
func verdictText(i *verify.Import) string {
	text := cmp.Or(i.Status, "not known")
	if i.FinishedAt != nil {
		text += " at " + i.FinishedAt.Format(time.RFC3339Nano)
	}
	if i.Status == importer.StatusFailed {
		text += "; bridge import prints why"
	}
	return text
}
