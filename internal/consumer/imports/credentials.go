package imports

import (
	"net/http"
	"time"

	"kafka-import-bridge/internal/consumer/pace"
)

// CredentialsRemedy is what helps while the import API refuses the key.
const CredentialsRemedy = "check SAFETYKIT_API_KEY or the file that SAFETYKIT_API_KEY_FILE names: the file is read again before each try"

// unauthorised holds every import until the API takes the credentials again, or
// lets the one namespace rest that it forbids: that keeps its own clock.
func (s *Attempts) unauthorised(r result, now time.Time) {
	n := r.namespace
	endsTrial := s.fail(r, now)
	wait := r.outcome.Delay
	if r.outcome.Status == http.StatusForbidden {
		wait = min(wait, s.Config.MaxBackoff) // what it asked for beyond concerns the namespace
	}
	news := s.Pacer.Doubt(pace.Credentials, n.Namespace, r.outcome.Status == http.StatusUnauthorized, s.othersGather(), now, wait)
	refused := s.Pacer.Shut(pace.Credentials)
	switch {
	case news:
		s.Log.Error("the import API refuses the credentials; nothing is lost, imports wait until it takes them",
			"namespace", n.Name, "status", r.outcome.Status, "remedy", CredentialsRemedy)
	case refused:
		s.tellFailure(r, now, "import attempt failed; it will be tried again")
	default:
		s.tellFailure(r, now, "the import API forbids a namespace; the others go on, and it is tried again")
	}
	if refused {
		s.Metrics.Refused("api", true)
	}
	if refused && !n.Doubts(pace.Credentials) {
		n.RestUntil(time.Time{}) // the credentials' own clock decides
	}
	s.afterFailure(r, endsTrial, now)
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
