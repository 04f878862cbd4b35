package sandbox

import (
	"fmt"
	"net/http"
	"time"
)

// maxViolations bounds what is remembered in full; further ones are counted.
const maxViolations = 1000

// maxQuiet is the longest wait that a Retry-After can ask of a client.
const maxQuiet = time.Hour

// violations remembers what a correct client never does. Guarded by API.mu.
type violations struct {
	texts []string
	more  int
	quiet map[string]time.Time // operation and namespace -> end of a Retry-After
}

func (v *violations) add(kind, format string, args ...any) {
	if len(v.texts) >= maxViolations {
		v.more++
		return
	}
	v.texts = append(v.texts, kind+": "+fmt.Sprintf(format, args...))
}

func (v *violations) promise(operation, namespace string, until time.Time) {
	if v.quiet == nil {
		v.quiet = map[string]time.Time{}
	}
	v.quiet[operation+" "+namespace] = until
}

func (v *violations) arrive(operation, namespace string, now time.Time) {
	until, ok := v.quiet[operation+" "+namespace]
	if !ok {
		return
	}
	delete(v.quiet, operation+" "+namespace)
	if early := until.Sub(now); early > 0 && early <= maxQuiet {
		v.add("early", "%s for %s came %s before its Retry-After ended", operation, namespace, early)
	}
}

// violate notes what a correct client never does.
func (a *API) violate(kind, format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules.add(kind, format, args...)
}

// Violations lists what a correct client never does, each as "kind: detail".
// Kinds: body (a line that is no object with a string id), chunked, condition
// (If-None-Match with another value than *), content-type, create-body, early
// (before a Retry-After ended), method, namespace, overwrite (other bytes to a
// used URL), path, redirect, size, token (sent to another host than the API), url
// (altered or never handed out).
//
// A client that was killed cannot know of a Retry-After: call ForgetQuiet then.
func (a *API) Violations() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := append([]string{}, a.rules.texts...)
	if a.rules.more > 0 {
		list = append(list, fmt.Sprintf("more: %d further violations", a.rules.more))
	}
	return list
}

// ForgetQuiet ends every Retry-After that is still running.
func (a *API) ForgetQuiet() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules.quiet = nil
}

// Elsewhere is a third host, the target of redirects that a correct client
// never follows: each request to it is a violation.
func (a *API) Elsewhere() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			a.violate("token", "a token was sent to the target of a redirect")
		}
		a.violate("redirect", "%s followed a redirect", r.Method)
		w.WriteHeader(http.StatusOK)
	})
}
