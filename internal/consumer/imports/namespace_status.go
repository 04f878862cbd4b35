package imports

import (
	"time"

	"kafka-import-bridge/internal/consumer/report"
)

// Describe fills in what /status shows of the namespace's trouble.
func (ns *Namespace) Describe(n *report.NamespaceStatus, now time.Time) {
	n.InFlight = ns.InFlight()
	switch {
	case ns.IsHeld():
		n.State = "held"
	case ns.Troubled():
		n.State = "retrying"
	case ns.InFlight() > 0 || len(ns.Uploads) > 0:
		n.State = "uploading"
	}
	if ns.Troubled() {
		since := ns.Since()
		n.Since, n.HoldReason = &since, ns.HoldReason()
		if text := ns.LastError(); text != "" {
			n.LastError = &text
		}
		if at := ns.WakeAt(); at.After(now) {
			n.NextAttemptAt = &at
		}
	}
}
