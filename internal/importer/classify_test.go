package importer

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// statusCases lists every status that has a rule, for both operations.
var statusCases = []struct {
	status       int
	create       Class
	createReason string
	upload       Class
	uploadReason string
}{
	{300, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{301, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{302, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{304, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{307, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{308, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{400, Refused, "", Refused, ""},
	{401, Unauthorised, ReasonUnauthorised, RetryNew, ReasonExpired},
	{402, Malformed, ReasonMalformed, Malformed, ReasonMalformed}, // an account, not a batch
	{403, Unauthorised, ReasonUnauthorised, RetryNew, ReasonExpired},
	{404, Missing, "", RetryNew, ReasonExpired},
	{405, Missing, "", RetryNew, ReasonExpired},
	{407, RetryLater, ReasonNetwork, RetrySame, ReasonNetwork},
	{408, RetryLater, ReasonTimeout, RetrySame, ReasonTimeout},
	{409, RetryLater, ReasonServerError, RetrySame, ReasonServerError},
	{410, Missing, "", RetryNew, ReasonExpired},
	{406, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{411, Malformed, ReasonMalformed, Refused, ""},
	{412, Malformed, ReasonMalformed, Refused, ""}, // of a PUT without a condition
	{413, Refused, "", Refused, ""},
	{415, Malformed, ReasonMalformed, Refused, ""},
	{417, Malformed, ReasonMalformed, Refused, ""}, // of a PUT that did not ask
	{422, Refused, "", Refused, ""},
	{425, RetryLater, ReasonServerError, RetrySame, ReasonServerError},
	{429, RetryLater, ReasonThrottled, RetrySame, ReasonThrottled},
	{421, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{423, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{424, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{426, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{428, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{431, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{451, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{500, RetryLater, ReasonServerError, RetrySame, ReasonServerError},
	{501, RetryLater, ReasonServerError, RetrySame, ReasonServerError},
	{502, RetryLater, ReasonServerError, RetrySame, ReasonServerError},
	{503, RetryLater, ReasonServerError, RetrySame, ReasonServerError},
	{504, RetryLater, ReasonServerError, RetrySame, ReasonServerError},
	{599, RetryLater, ReasonServerError, RetrySame, ReasonServerError},
	{600, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
	{999, Malformed, ReasonMalformed, Malformed, ReasonMalformed},
}

func TestClient_classifiesStatuses(t *testing.T) {
	for _, tc := range statusCases {
		t.Run("create "+strconv.Itoa(tc.status), func(t *testing.T) {
			l := newLab(t)
			l.onPost = func(w http.ResponseWriter, _ *http.Request) { refuse(w, tc.status) }
			c := l.client()
			i, _ := newImport(c, 100)
			out := l.attempt(c, i)
			wantClass(t, out, tc.create, tc.createReason)
			checkFailure(t, out, OperationCreate, tc.status)
			if n := len(l.putPaths()); n != 0 {
				t.Errorf("%d PUTs without a URL", n)
			}
		})
		t.Run("upload "+strconv.Itoa(tc.status), func(t *testing.T) {
			l := newLab(t)
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				refuse(w, tc.status)
			}
			c := l.client()
			i, _ := newImport(c, 100)
			out := l.attempt(c, i)
			wantClass(t, out, tc.upload, tc.uploadReason)
			checkFailure(t, out, OperationUpload, tc.status)
			unclear := tc.status >= 500 // the body may be stored all the same
			if keeps := i.url.link != nil; keeps != (tc.upload == RetrySame || tc.upload == Refused || unclear) {
				t.Errorf("the import keeps its URL: %t after %s", keeps, tc.upload)
			}
			if i.Ambiguous() != unclear {
				t.Errorf("ambiguous %t, want %t", i.Ambiguous(), unclear)
			}
		})
	}
}

// A page for people is of a proxy or an ingress: it refuses no batch, but that a body is
// too large for it is so.
func TestClient_aPageRefusesNothing(t *testing.T) {
	for status, want := range map[int]Class{400: Malformed, 411: Malformed, 422: Malformed, 413: Refused} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			l := newLab(t)
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				page(w, status)
			}
			c := l.client()
			i, _ := newImport(c, 100)
			if out := l.attempt(c, i); out.Class != want || out.Operation != OperationUpload {
				t.Errorf("%s: %s, want %s", out.Operation, out.Class, want)
			}
			if status == 411 {
				return // never about the create call
			}
			l.onPost = func(w http.ResponseWriter, _ *http.Request) { page(w, status) }
			i, _ = newImport(c, 100)
			if out := l.attempt(c, i); out.Class != want || out.Operation != OperationCreate {
				t.Errorf("%s: %s, want %s", out.Operation, out.Class, want)
			}
		})
	}
}

// page answers as a proxy does to people.
func page(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "Text/HTML; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<html><body>"+secretText+"</body></html>")
}

func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Location", "https://elsewhere.invalid/"+secretSignature)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, secretText)
}

func checkFailure(t *testing.T, out Outcome, operation string, status int) {
	t.Helper()
	if out.Operation != operation || out.Status != status || out.Throttled != (status == 429) {
		t.Errorf("operation %q, status %d, throttled %t", out.Operation, out.Status, out.Throttled)
	}
	if out.Delay <= 0 {
		t.Errorf("delay %s after a failure", out.Delay)
	}
}

func TestClient_classifiesSuccess(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			l := newLab(t)
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				l.keep(w, r)
				w.WriteHeader(status)
			}
			c := l.client()
			i, all := newImport(c, 100_000)
			out := l.attempt(c, i)
			if out.Class != Stored || out.Status != status || out.RequestID != "req-1" || out.Delay != 0 {
				t.Fatalf("outcome %+v", out)
			}
			if n, equal := l.stored(all); n != 1 || !equal {
				t.Errorf("%d objects, equal: %t", n, equal)
			}
			if l.header.Get("If-None-Match") != "" || l.header.Get("User-Agent") != "kafka-import-bridge" || l.askCount() != 0 {
				t.Errorf("the first PUT had the header %v, %d questions", l.header, l.askCount())
			}
		})
	}
}

func TestClient_readsTheStoresCode(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		class  Class
		reason string
	}{
		{"a body that came too slowly", 400, "RequestTimeout", RetrySame, ReasonTimeout},
		{"a body cut short", 400, "IncompleteBody", RetrySame, ReasonTimeout},
		{"temporary credentials that ended", 400, "ExpiredToken", RetryNew, ReasonExpired},
		{"a conflict of the moment", 409, "OperationAborted", RetrySame, ReasonServerError},
		{"a conflict of conditions", 409, "ConditionalRequestConflict", RetrySame, ReasonServerError},
		{"a bucket that is gone", 404, "NoSuchBucket", RetryNew, ReasonExpired},
		{"the same beside another status", 400, "NoSuchBucket", RetryNew, ReasonExpired},
		{"a region that the signature is not for", 400, "AuthorizationQueryParametersError", RetryNew, ReasonExpired},
		{"a key of encryption that is disabled", 400, "KMS.DisabledException", RetryNew, ReasonExpired},
		{"a body that is too large", 400, "EntityTooLarge", Refused, ""},
		{"a code nobody knows", 400, secretText, Refused, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, encoding := newLab(t), ""
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, `<?xml version="1.0" encoding="`+encoding+`"?><Error><Code>`+tc.body+`</Code><Message>`+secretText+`</Message></Error>`)
			}
			c := l.client()
			for _, encoding = range []string{"UTF-8", "ISO-8859-1"} {
				i, _ := newImport(c, 100)
				wantClass(t, l.attempt(c, i), tc.class, tc.reason)
			}
		})
	}
}

// The hint with which the API tells its SDKs to try again makes us more patient;
// the one that tells them not to changes no class.
func TestClient_heedsTheHint(t *testing.T) {
	for _, tc := range []struct {
		status int
		hint   string
		create Class
		upload Class
		delay  time.Duration // of the create call
	}{
		{400, "true", RetryLater, RetrySame, 250 * time.Millisecond},
		{404, "true", RetryLater, RetryNew, 250 * time.Millisecond},
		{409, "true", RetryLater, RetrySame, 250 * time.Millisecond},
		{413, "True", RetryLater, RetrySame, 250 * time.Millisecond},
		{401, "true", Unauthorised, RetryNew, 250 * time.Millisecond},
		{302, "true", Malformed, Malformed, 250 * time.Millisecond},
		{400, "yes", Refused, Refused, 250 * time.Millisecond},
		{404, "false", Missing, RetryNew, 30 * time.Second},
		{409, "false", RetryLater, RetrySame, 30 * time.Second},
		{429, "false", RetryLater, RetrySame, 30 * time.Second},
		{503, "false", RetryLater, RetrySame, 30 * time.Second},
	} {
		t.Run(fmt.Sprintf("%d %s", tc.status, tc.hint), func(t *testing.T) {
			answer := func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("X-Should-Retry", tc.hint)
				w.WriteHeader(tc.status)
			}
			l := newLab(t)
			l.onPut = answer
			c := l.client()
			i, _ := newImport(c, 100)
			if out := l.attempt(c, i); out.Class != tc.upload || out.Delay != 250*time.Millisecond {
				t.Errorf("upload: %s, delay %s", out.Class, out.Delay)
			}
			l.onPost = answer
			if out := l.create(c, c.NewImport("orders", nil, 0)); out.Class != tc.create || out.Delay != tc.delay {
				t.Errorf("create: %s, delay %s; want %s, %s", out.Class, out.Delay, tc.create, tc.delay)
			}
		})
	}
}

func TestClass_String(t *testing.T) {
	if Cancelled.String() != "cancelled" || Malformed.String() != "malformed" || Unproven.String() != "unproven" || Class(99).String() != "unknown" {
		t.Error("names of classes have moved")
	}
}
