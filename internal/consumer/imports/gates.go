package imports

import (
	"fmt"
	"net/http"
	"time"

	"kafka-import-bridge/internal/consumer/pace"
)

// What helps while the import API refuses the key, and while it has no create call.
const (
	CredentialsRemedy = "check SAFETYKIT_API_KEY or the file that SAFETYKIT_API_KEY_FILE names: the file is read again before each try"
	PlaceRemedy       = "check SAFETYKIT_BASE_URL and BRIDGE_IMPORT_PATH, what stands between the bridge and the API, and that the namespaces exist there"
)

// unauthorised holds every import until the API takes the credentials again, or
// lets the one namespace rest that it forbids: that keeps its own clock.
func (a *Attempts) unauthorised(r result, now time.Time) {
	n, wait, message := r.namespace, r.outcome.Delay, tryAgain
	if r.outcome.Status == http.StatusForbidden {
		wait = min(wait, a.Config.MaxBackoff) // what it asked for beyond concerns the namespace
	}
	news := a.Pacer.Doubt(pace.Credentials, n.Namespace, r.outcome.Status == http.StatusUnauthorized, a.othersGather(), now, wait)
	refused := a.Pacer.Shut(pace.Credentials)
	if news {
		message = ""
		a.Log.Error("the import API refuses the credentials; nothing is lost, imports wait until it takes them",
			"namespace", n.Name, "status", r.outcome.Status, "remedy", CredentialsRemedy)
	} else if !refused {
		message = "the import API forbids a namespace; the others go on, and it is tried again"
	}
	a.failed(r, message, now)
	if refused {
		a.Metrics.Refused("api", true)
		if !n.Doubts(pace.Credentials) {
			n.RestUntil(time.Time{}) // the credentials' own clock decides
		}
	}
}

// missing holds a namespace for which the API has no create call, under every
// policy: the answer is about the place, not about the batch. Where several in a
// row are answered so and none is accepted, it is about everybody: then all rest
// with what they have in memory, and one tries.
func (a *Attempts) missing(r result, now time.Time) {
	n, message := r.namespace, tryAgain
	news := a.Pacer.Doubt(pace.Place, n.Namespace, false, a.othersGather(), now, min(r.outcome.Delay, a.Config.MaxBackoff))
	if !a.Pacer.Shut(pace.Place) {
		a.hold(r, now, "the import API does not know the namespace, or not the call")
		return
	}
	if news {
		message = ""
		a.Metrics.APIMissing.Set(1)
		a.Log.Error("the import API does not know the call; nothing is lost, imports wait until it does",
			"namespace", n.Name, "status", r.outcome.Status, "error", r.outcome.Err, "remedy", PlaceRemedy)
	}
	a.failed(r, message, now)
}

// hold keeps a namespace's records in Kafka until a probe finds it accepted. why
// says what the answer means. The label of the hold is the call and its status.
func (a *Attempts) hold(r result, now time.Time, why string) {
	n := r.namespace
	if n.Refuse(now, fmt.Sprintf("%s_%d", r.outcome.Operation, r.outcome.Status), a.Config.HoldProbeInterval, r.outcome.Err) {
		a.Log.Error("namespace held: its records wait in Kafka, the others go on",
			"why", why, "namespace", n.Name, "request_id", r.outcome.RequestID, "operation", r.outcome.Operation, "status", r.outcome.Status,
			"error", r.outcome.Err, "next_probe_in", a.Config.HoldProbeInterval.String())
	}
	a.lines.Shed(n, now)
}

// othersGather says whether lines gather of a namespace that the pacer does not
// know, since nothing of it has been tried yet.
func (a *Attempts) othersGather() bool {
	for b := range a.lines.Batches.All {
		if a.lines.Lookup(b.Namespace) == nil {
			return true
		}
	}
	return false
}

// apiAccepted notes that the API has taken the credentials for a namespace, and
// so knows the call.
func (a *Attempts) apiAccepted(n *Namespace) {
	for _, gate := range a.Pacer.Accepted(n.Namespace) {
		switch gate {
		case pace.Credentials:
			a.Metrics.Refused("api", false)
			a.Log.Info("the import API takes the credentials again")
		case pace.Place:
			a.Metrics.APIMissing.Set(0)
			a.Log.Info("the import API knows the call again")
		}
	}
}
