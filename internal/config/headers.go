package config

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// ownHeaders are those that the bridge or its HTTP client sets itself, or that
// would change what an answer means.
var ownHeaders = []string{
	"Accept-Encoding", "Authorization", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host",
	"Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Keep-Alive",
	"Proxy-Authorization", "Proxy-Connection", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// ParseHeaders reads headers, "Name: value" on each line that is not blank. An
// error names every bad line by its number and repeats none of its text, since
// any of it may be a secret.
func ParseHeaders(text string) (http.Header, error) {
	headers := http.Header{}
	var faults []string
	number := 0
	for line := range strings.Lines(text) {
		number++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if problem := addHeader(headers, line); problem != "" {
			faults = append(faults, fmt.Sprintf("line %d %s", number, problem))
		}
	}
	if len(faults) > 0 {
		return nil, errors.New(strings.Join(faults, "; "))
	}
	return headers, nil
}

// addHeader reads one line, or says what is wrong with it.
func addHeader(headers http.Header, line string) (problem string) {
	name, value, ok := strings.Cut(line, ":")
	if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsFunc(name, notInToken) {
		return "is not of the form Name: value"
	}
	name, value = textproto.CanonicalMIMEHeaderKey(name), strings.TrimSpace(value)
	switch {
	case slices.Contains(ownHeaders, name):
		return "names " + name + ", which the bridge sets itself"
	case headers[name] != nil:
		return "has the name of an earlier line"
	case strings.ContainsFunc(value, func(r rune) bool { return isControl(r) && r != '\t' }):
		return "holds a control character"
	}
	headers[name] = []string{value}
	return ""
}

// notInToken reports whether r cannot stand in a header's name (RFC 9110, 5.6.2).
func notInToken(r rune) bool {
	return notVisible(r) || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// headersFault says, without the text, why value cannot be a list of headers.
func headersFault(value string) error {
	if strings.TrimSpace(value) == "" {
		return errors.New("it is empty")
	}
	_, err := ParseHeaders(value)
	return err
}
