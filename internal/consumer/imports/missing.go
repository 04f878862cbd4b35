package imports

import (
	"time"

	"kafka-import-bridge/internal/consumer/pace"
)

// PlaceRemedy is what helps while the import API has no create call.
const PlaceRemedy = "check SAFETYKIT_BASE_URL and BRIDGE_IMPORT_PATH, what stands between the bridge and the API, and that the namespaces exist there"

// missing holds a namespace for which the API has no create call, under every
// policy: the answer is about the place, not about the batch. Where several in a
// row are answered so and none is accepted, it is about everybody: then all rest
// with what they have in memory, and one tries.
func (s *Attempts) missing(r result, now time.Time) {
	n := r.namespace
	news := s.Pacer.Doubt(pace.Place, n.Namespace, false, s.othersGather(), now, min(r.outcome.Delay, s.Config.MaxBackoff))
	if !s.Pacer.Shut(pace.Place) {
		s.hold(r, now, "the import API does not know the namespace, or not the call")
		return
	}
	endsTrial := s.fail(r, now)
	if news {
		s.Metrics.APIMissing.Set(1)
		s.Log.Error("the import API does not know the call; nothing is lost, imports wait until it does",
			"namespace", n.Name, "status", r.outcome.Status, "error", r.outcome.Err, "remedy", PlaceRemedy)
	} else {
		s.tellFailure(r, now, "import attempt failed; it will be tried again")
	}
	s.afterFailure(r, endsTrial, now)
}

// hold keeps a namespace's records in Kafka until a probe finds it accepted. why
// says what the answer means.
func (s *Attempts) hold(r result, now time.Time, why string) {
	n := r.namespace
	if n.Refuse(now, holdReason(r.outcome), s.Config.HoldProbeInterval, r.outcome.Err) {
		s.Log.Error("namespace held: its records wait in Kafka, the others go on",
			"why", why, "namespace", n.Name, "request_id", r.outcome.RequestID, "operation", r.outcome.Operation, "status", r.outcome.Status,
			"error", r.outcome.Err, "next_probe_in", s.Config.HoldProbeInterval.String())
	}
	s.Shed(n, now)
}
