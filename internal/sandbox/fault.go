package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The operations that faults can hit and Requests lists.
const (
	OperationCreate = "create" // POST for an upload URL
	OperationUpload = "upload" // PUT to it
	OperationStatus = "status" // GET of a request's status or download URL
	OperationIngest = "ingest" // what the API makes of a stored object; no request of a client
)

// The names of the create call, by the last element of their paths.
const (
	PathImport    = "import"
	PathUploadURL = "upload-url"
)

// The moments of a connection reset.
const (
	ResetBefore = "before" // nothing of the body is read
	ResetMid    = "mid"    // half of the body is read
	ResetAfter  = "after"  // stored (or opened), but the answer is lost
)

// Fault changes what happens to the requests that it matches: those of
// Operation and Namespace, after the first Skip, for Times of them, each with
// Probability. The oldest injected fault that matches and is not used up wins.
// Delay and Hold come first; then one effect.
type Fault struct {
	Operation   string  `json:"operation"`             // one of the Operation constants
	Namespace   string  `json:"namespace,omitempty"`   // empty: any
	Path        string  `json:"path,omitempty"`        // of a create call, PathImport or PathUploadURL; empty: any
	Conditional bool    `json:"conditional,omitempty"` // of a PUT: only one with If-None-Match
	Skip        int     `json:"skip,omitempty"`        // matches that pass first
	Times       int     `json:"times,omitempty"`       // 0: until ClearFaults
	Probability float64 `json:"probability,omitempty"` // 0: always

	// Delay waits before anything else; in JSON a Go duration such as "2s".
	Delay time.Duration `json:"-"`
	// Hold keeps the request until the channel is closed, or the server or the
	// client is seen to leave (a client is not, while its body is unread), so that
	// a test can order concurrent requests. In a synctest bubble make the channel
	// inside it.
	Hold <-chan struct{} `json:"-"`

	// Status answers this; 0 with Body, Header, Drip or Endless means 200. A PUT
	// answered 2xx is stored all the same.
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`
	// RetryAfter adds that header, in whole seconds; in JSON a Go duration. A
	// request of the same operation and namespace that comes too early is then
	// a violation. For values that nobody can keep use Header.
	RetryAfter time.Duration `json:"-"`
	// RetryAfterDate writes RetryAfter as a date.
	RetryAfterDate bool `json:"retryAfterDate,omitempty"`
	// Garbage answers 200 with a body that is no JSON.
	Garbage bool `json:"garbage,omitempty"`
	// Redirect answers 307, or Status, with this Location.
	Redirect string `json:"redirect,omitempty"`
	// Drip sends the answer at one byte a second.
	Drip bool `json:"drip,omitempty"`
	// Endless sends an answer without end.
	Endless bool `json:"endless,omitempty"`

	// Reset ends the connection without an answer: one of the Reset constants.
	Reset string `json:"reset,omitempty"`
	// Early answers Status without reading the body and closes, so that the
	// client may see a reset instead of the answer, as with S3-like servers.
	Early bool `json:"early,omitempty"`

	// Kept takes (upload) the whole body, although the answer is Status: a gateway's
	// 502, say, behind which the store has it.
	Kept bool `json:"kept,omitempty"`

	// Expired hands out (create) a URL that is past its expiry.
	Expired bool `json:"expired,omitempty"`
	// Doomed hands out (create) a URL whose every PUT is reset.
	Doomed bool `json:"doomed,omitempty"`
	// UploadURL hands out (create) this text as upload_url.
	UploadURL string `json:"uploadUrl,omitempty"`
	// IgnoreCondition takes (upload) a PUT with If-None-Match as if it had none,
	// like a store that has never heard of the header.
	IgnoreCondition bool `json:"ignoreCondition,omitempty"`

	// Verdict ends an ingest as VerdictFailed, or as VerdictSucceeded with
	// Summary, after IngestDelay and Delay.
	Verdict string `json:"verdict,omitempty"`
	// Summary is the error_summary that an ingest ends with.
	Summary string `json:"summary,omitempty"`
}

// faultJSON is Fault with durations as text.
type faultJSON struct {
	plainFault
	Delay      string `json:"delay,omitempty"`
	RetryAfter string `json:"retryAfter,omitempty"`
}

type plainFault Fault

// MarshalJSON writes durations as Go does: "1m30s".
func (f Fault) MarshalJSON() ([]byte, error) {
	out := faultJSON{plainFault: plainFault(f)}
	if f.Delay != 0 {
		out.Delay = f.Delay.String()
	}
	if f.RetryAfter != 0 {
		out.RetryAfter = f.RetryAfter.String()
	}
	return json.Marshal(out)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (f *Fault) UnmarshalJSON(text []byte) error {
	var in faultJSON
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields() // a typo must not switch on another fault
	if err := decoder.Decode(&in); err != nil {
		return err
	}
	*f = Fault(in.plainFault)
	for _, d := range []struct {
		text string
		into *time.Duration
	}{{in.Delay, &f.Delay}, {in.RetryAfter, &f.RetryAfter}} {
		if d.text == "" {
			continue
		}
		parsed, err := time.ParseDuration(d.text)
		if err != nil {
			return fmt.Errorf("parse duration: %w", err)
		}
		*d.into = parsed
	}
	return nil
}

// Validate reports every reason why a fault would never do anything.
func (f Fault) Validate() error {
	var faults []error
	if !slices.Contains([]string{OperationCreate, OperationUpload, OperationStatus, OperationIngest}, f.Operation) {
		faults = append(faults, fmt.Errorf("operation %q: want %q, %q, %q or %q", f.Operation, OperationCreate, OperationUpload, OperationStatus, OperationIngest))
	}
	if !slices.Contains([]string{"", ResetBefore, ResetMid, ResetAfter}, f.Reset) {
		faults = append(faults, fmt.Errorf("reset %q: want %q, %q or %q", f.Reset, ResetBefore, ResetMid, ResetAfter))
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		faults = append(faults, fmt.Errorf("status %d: want 200 to 599", f.Status))
	}
	if f.Probability < 0 || f.Probability > 1 {
		faults = append(faults, fmt.Errorf("probability %v: want 0 to 1", f.Probability))
	}
	if f.Operation != OperationCreate && (f.Expired || f.Doomed || f.UploadURL != "") {
		faults = append(faults, errors.New("expired, doomed and uploadUrl are effects of the create operation"))
	}
	if !slices.Contains([]string{"", PathImport, PathUploadURL}, f.Path) || f.Operation != OperationCreate && f.Path != "" {
		faults = append(faults, fmt.Errorf("path %q: want %q or %q, of the create operation", f.Path, PathImport, PathUploadURL))
	}
	if f.Operation != OperationUpload && (f.Conditional || f.IgnoreCondition || f.Kept) {
		faults = append(faults, errors.New("conditional, ignoreCondition and kept are of the upload operation"))
	}
	if !slices.Contains([]string{"", VerdictFailed, VerdictSucceeded}, f.Verdict) {
		faults = append(faults, fmt.Errorf("verdict %q: want %q or %q", f.Verdict, VerdictFailed, VerdictSucceeded))
	}
	if f.Operation != OperationIngest && (f.Verdict != "" || f.Summary != "") {
		faults = append(faults, errors.New("verdict and summary are effects of the ingest operation"))
	}
	return errors.Join(faults...)
}

// injected is a fault with its counters.
type injected struct {
	Fault
	matched, used int
}

// Inject adds a fault. The function returned tells how often it has hit.
func (a *API) Inject(f Fault) (used func() int) {
	entry := &injected{Fault: f}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, entry)
	return func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return entry.used
	}
}

// ClearFaults ends all faults. Promises of quiet that were given stay in force.
func (a *API) ClearFaults() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}

// Faults lists those that may still hit.
func (a *API) Faults() []Fault {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []Fault{}
	for _, f := range a.faults {
		if !f.spent() {
			list = append(list, f.Fault)
		}
	}
	return list
}

func (f *injected) spent() bool { return f.Times > 0 && f.used >= f.Times }

// match picks the effect on a request, nil for none. Call with a.mu held.
func (a *API) match(r *Request, now time.Time) *effect {
	for _, f := range a.faults {
		if f.spent() || !f.concerns(r) {
			continue
		}
		if f.matched++; f.matched <= f.Skip {
			continue
		}
		if f.Probability > 0 && a.chance.Float64() >= f.Probability {
			continue
		}
		f.used++
		return newEffect(f.Fault, now)
	}
	return nil
}

// concerns reports whether the fault is about such a request.
func (f *Fault) concerns(r *Request) bool {
	return f.Operation == r.Operation && (f.Namespace == "" || f.Namespace == r.Namespace) &&
		(f.Path == "" || f.Path == r.Path) && (!f.Conditional || r.Conditional)
}

// newEffect is a fault as it hits one request at now.
func newEffect(f Fault, now time.Time) *effect {
	e := &effect{Fault: f}
	if f.RetryAfter <= 0 {
		return e
	}
	seconds := (f.RetryAfter + time.Second - 1) / time.Second
	e.retryAfter, e.quietUntil = strconv.Itoa(int(seconds)), now.Add(seconds*time.Second)
	if f.RetryAfterDate {
		date := now.Add(seconds * time.Second).Truncate(time.Second)
		e.retryAfter, e.quietUntil = date.UTC().Format(http.TimeFormat), date
	}
	return e
}
