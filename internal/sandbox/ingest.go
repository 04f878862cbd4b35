package sandbox

import "time"

// The verdicts that an import can end with.
const (
	VerdictSucceeded = "succeeded" // with an error summary: some of its objects were not taken
	VerdictFailed    = "failed"
)

// ingest is what the API makes of a stored object.
type ingest struct {
	done    time.Time // it reads "ingesting" until then
	verdict string
	summary string // free text about errors, "" if there are none
}

// ended reports whether a state is final.
func ended(state string) bool { return state == VerdictSucceeded || state == VerdictFailed }

// judge decides what will become of an object that was stored at a time. problem
// is what is wrong with its lines, nil for nothing. Call with a.mu held.
func (a *API) judge(namespace string, at time.Time, problem error) ingest {
	result := ingest{done: at.Add(a.opts.IngestDelay), verdict: VerdictSucceeded}
	if problem != nil {
		result.verdict, result.summary = VerdictFailed, problem.Error()
	}
	fault := a.match(&Request{Operation: OperationIngest, Namespace: namespace}, at)
	if fault == nil {
		return result
	}
	result.done = result.done.Add(fault.Delay)
	if fault.Verdict != "" {
		result.verdict, result.summary = fault.Verdict, fault.Summary
	}
	return result
}

// Verdicts counts what became of the stored objects so far, by the state that
// the status calls tell; "succeeded with errors" has an error summary.
func (a *API) Verdicts() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := map[string]int{}
	for _, u := range a.objects {
		state := a.state(u)
		if state == VerdictSucceeded && u.ingest.summary != "" {
			state += " with errors"
		}
		counts[state]++
	}
	return counts
}

// Forget makes the API answer 404 to questions about a request, as it does once
// the request was deleted; its URL can no longer be used. It reports whether
// there was one. What is stored stays in Objects.
func (a *API) Forget(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, known := a.uploads[id]
	delete(a.uploads, id)
	return known
}
