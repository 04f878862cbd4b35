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
func (s *Attempts) unauthorised(r result, now time.Time) {
	n, wait, message := r.namespace, r.outcome.Delay, tryAgain
	if r.outcome.Status == http.StatusForbidden {
		wait = min(wait, s.Config.MaxBackoff) // what it asked for beyond concerns the namespace
	}
	news := s.Pacer.Doubt(pace.Credentials, n.Namespace, r.outcome.Status == http.StatusUnauthorized, s.othersGather(), now, wait)
	refused := s.Pacer.Shut(pace.Credentials)
	if news {
		message = ""
		s.Log.Error("the import API refuses the credentials; nothing is lost, imports wait until it takes them",
			"namespace", n.Name, "status", r.outcome.Status, "remedy", CredentialsRemedy)
	} else if !refused {
		message = "the import API forbids a namespace; the others go on, and it is tried again"
	}
	s.failed(r, message, now)
	if refused {
		s.Metrics.Refused("api", true)
		if !n.Doubts(pace.Credentials) {
			n.RestUntil(time.Time{}) // the credentials' own clock decides
		}
	}
}

// missing holds a namespace for which the API has no create call, under every
// policy: the answer is about the place, not about the batch. Where several in a
// row are answered so and none is accepted, it is about everybody: then all rest
// with what they have in memory, and one tries.
func (s *Attempts) missing(r result, now time.Time) {
	n, message := r.namespace, tryAgain
	news := s.Pacer.Doubt(pace.Place, n.Namespace, false, s.othersGather(), now, min(r.outcome.Delay, s.Config.MaxBackoff))
	if !s.Pacer.Shut(pace.Place) {
		s.hold(r, now, "the import API does not know the namespace, or not the call")
		return
	}
	if news {
		message = ""
		s.Metrics.APIMissing.Set(1)
		s.Log.Error("the import API does not know the call; nothing is lost, imports wait until it does",
			"namespace", n.Name, "status", r.outcome.Status, "error", r.outcome.Err, "remedy", PlaceRemedy)
	}
	s.failed(r, message, now)
}

// hold keeps a namespace's records in Kafka until a probe finds it accepted. why
// says what the answer means. The label of the hold is the call and its status.
func (s *Attempts) hold(r result, now time.Time, why string) {
	n := r.namespace
	if n.Refuse(now, fmt.Sprintf("%s_%d", r.outcome.Operation, r.outcome.Status), s.Config.HoldProbeInterval, r.outcome.Err) {
		s.Log.Error("namespace held: its records wait in Kafka, the others go on",
			"why", why, "namespace", n.Name, "request_id", r.outcome.RequestID, "operation", r.outcome.Operation, "status", r.outcome.Status,
			"error", r.outcome.Err, "next_probe_in", s.Config.HoldProbeInterval.String())
	}
	s.Shed(n, now)
}

// othersGather says whether lines gather of a namespace that the pacer does not
// know, since nothing of it has been tried yet.
func (s *Attempts) othersGather() bool {
	for b := range s.Batches.All {
		if s.Lookup(b.Namespace) == nil {
			return true
		}
	}
	return false
}

// apiAccepted notes that the API has taken the credentials for a namespace, and
// so knows the call.
func (s *Attempts) apiAccepted(n *Namespace) {
	for _, gate := range s.Pacer.Accepted(n.Namespace) {
		switch gate {
		case pace.Credentials:
			s.Metrics.Refused("api", false)
			s.Log.Info("the import API takes the credentials again")
		case pace.Place:
			s.Metrics.APIMissing.Set(0)
			s.Log.Info("the import API knows the call again")
		}
	}
}
