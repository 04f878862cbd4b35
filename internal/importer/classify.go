package importer

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
)

// classify turns an answer's status into a class and a reason. code is the
// error code in an answer of the store, "" if it had none that we know.
func classify(operation string, status int, code string) (Class, string) {
	again := RetryLater
	if operation == OperationUpload {
		again = RetrySame
	}
	switch {
	case status >= 200 && status <= 299:
		return Stored, ""
	case status == http.StatusTooManyRequests:
		return again, ReasonThrottled
	case status == http.StatusProxyAuthRequired:
		return again, ReasonNetwork // a proxy on the way says so: the batch has met neither API nor store
	case status == http.StatusRequestTimeout:
		return again, ReasonTimeout
	case status == http.StatusTooEarly, status == http.StatusConflict, status >= 500 && status <= 599:
		return again, ReasonServerError // 409: a lock of the API, another write to the object
	case status < 400 || status > 499:
		return Malformed, ReasonMalformed
	case operation == OperationUpload:
		return classifyStore(status, code)
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Unauthorised, ReasonUnauthorised
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return Missing, ""
	case operation == OperationCreate && !slices.Contains(aboutTheImport, status):
		return Malformed, ReasonMalformed
	}
	return Refused, ""
}

// aboutTheImport are the 4xx answers to the create call that concern the import itself.
// Others, which the API does not document, are about the account, or what stands
// between: to dead-letter records for them would be wrong.
var aboutTheImport = []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity}

// aboutTheBody are those of the store that are about the body, or how it was sent.
var aboutTheBody = append([]int{
	http.StatusLengthRequired, http.StatusPreconditionFailed, http.StatusUnsupportedMediaType, http.StatusExpectationFailed,
}, aboutTheImport...)

// isPage reports whether an answer is a page for people, as proxies and ingresses make
// them. Neither the API nor a store speaks so of a batch.
func isPage(h header) bool {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/html")
}

// hinted adjusts a class and reason by the header that tells the API's SDKs whether to
// try again. It may only make us more patient: what it calls hopeless for a caller that
// waits is tried again later all the same.
func hinted(operation string, h header, class Class, reason string) (Class, string) {
	if class != Refused && class != Missing || !strings.EqualFold(h.Get("X-Should-Retry"), "true") {
		return class, reason
	}
	if operation == OperationUpload {
		return RetrySame, ReasonServerError
	}
	return RetryLater, ReasonServerError
}

// classifyStore judges the store's 4xx answers. 401 and 403 concern what is in
// the URL, and 404, 405 and 410 where it leads (a bucket that is gone), never the
// batch: to dead-letter records for them would be wrong. Another URL may be good.
func classifyStore(status int, code string) (Class, string) {
	known, ok := storeCodes[code]
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden,
		status == http.StatusNotFound, status == http.StatusMethodNotAllowed, status == http.StatusGone:
		return RetryNew, ReasonExpired
	case ok && known != codeRefused:
		return known.class, known.reason
	case !slices.Contains(aboutTheBody, status):
		return Malformed, ReasonMalformed
	}
	return Refused, ""
}

// verdict is the meaning, for the batch, of an error code of S3 and its like.
type verdict struct {
	class  Class
	reason string
}

var (
	codeRefused = verdict{Refused, ""}
	codeSlow    = verdict{RetrySame, ReasonTimeout}     // the body did not arrive in time, or not whole
	codeBusy    = verdict{RetrySame, ReasonServerError} // the store asks to try again
	codeExpired = verdict{RetryNew, ReasonExpired}      // what signed the URL, or what it leads to, is no longer valid
)

// storeCodes are the codes that we know. Others are neither judged by nor
// shown: an answer's text may echo anything.
var storeCodes = map[string]verdict{
	"RequestTimeout":     codeSlow,
	"IncompleteBody":     codeSlow,
	"BadDigest":          codeSlow,
	"InternalError":      codeBusy,
	"OperationAborted":   codeBusy,
	"ServiceUnavailable": codeBusy,
	"SlowDown":           codeBusy,
	// A URL signed with temporary credentials dies with them, and S3 says so
	// with 400.
	"ExpiredToken":          codeExpired,
	"InvalidToken":          codeExpired,
	"RequestTimeTooSkewed":  codeExpired,
	"AccessDenied":          codeExpired,
	"SignatureDoesNotMatch": codeExpired,
	"MethodNotAllowed":      codeExpired,
	"NoSuchBucket":          codeExpired,
	// So is what signed it wrongly, and a bucket whose key of encryption cannot be used.
	"AuthorizationHeaderMalformed":       codeExpired,
	"AuthorizationQueryParametersError":  codeExpired,
	"IllegalLocationConstraintException": codeExpired,
	"InvalidBucketName":                  codeExpired,
	"KMS.AccessDeniedException":          codeExpired,
	"KMS.DisabledException":              codeExpired,
	"KMS.InvalidKeyUsageException":       codeExpired,
	"KMS.KMSInvalidStateException":       codeExpired,
	"KMS.KeyUnavailableException":        codeExpired,
	"KMS.NotFoundException":              codeExpired,

	"EntityTooLarge":       codeRefused,
	"InvalidArgument":      codeRefused,
	"InvalidRequest":       codeRefused,
	"MissingContentLength": codeRefused,
	"NoSuchUpload":         codeRefused,
}

// parseStoreCode finds a known error code in the store's XML.
func parseStoreCode(body []byte) string {
	var answer struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // codes are ASCII
	if err := d.Decode(&answer); err != nil {
		return ""
	}
	if _, known := storeCodes[answer.Code]; !known {
		return ""
	}
	return answer.Code
}

// networkReason is the reason of an attempt that got no answer.
func networkReason(err error) string {
	var ne net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &ne) && ne.Timeout() {
		return ReasonTimeout
	}
	return ReasonNetwork
}
