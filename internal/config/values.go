package config

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// The types of settings that accept one of several words, which are those of the
// setting's oneof tag.
type (
	IsolationLevel string // which records of transactions are read
	SASLMechanism  string // how the brokers are authenticated to
	IDNumbers      string // what becomes of an id that is a JSON number
	ValueFormat    string // how values are written
	LogFormat      string // how the log is written
)

// The words that the code asks for.
const (
	FormatRegistry ValueFormat = "registry"

	ReadCommitted IsolationLevel = "read_committed"

	SASLAWSMSKIAM SASLMechanism = "AWS_MSK_IAM"

	NumbersString IDNumbers = "string"

	LogText LogFormat = "text"
)

// Size is a number of bytes.
type Size int64

// Decode parses 8388608, 8MiB or 8MB: binary units for KiB, MiB and GiB,
// decimal ones for KB, MB and GB.
func (s *Size) Decode(text string) error {
	digits := strings.TrimRight(text, "BGKMgikmb ")
	unit, ok := sizeUnits[strings.ToLower(strings.TrimSpace(text[len(digits):]))]
	n, err := strconv.ParseUint(digits, 10, 63)
	if !ok || err != nil || n > math.MaxInt64/uint64(unit) {
		return errors.New("want a size in bytes such as 8388608, 8MiB or 8MB")
	}
	*s = Size(int64(n) * unit)
	return nil
}

// sizeUnits are the bytes in one of each unit, by its name in lower case.
var sizeUnits = map[string]int64{"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}

// String returns the shortest exact form, which Decode accepts.
func (s Size) String() string {
	for _, unit := range []string{"GiB", "MiB", "KiB"} {
		if n := sizeUnits[strings.ToLower(unit)]; s > 0 && int64(s)%n == 0 {
			return strconv.FormatInt(int64(s)/n, 10) + unit
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// List is comma-separated text. Space around an element is dropped.
type List []string

// Decode splits text; an empty element or a repeated one is a fault. As in all decoders
// the error names elements by their number and repeats none: the text may be a secret
// that got into the wrong variable, and the fault shows the value already.
func (l *List) Decode(text string) error {
	var list List
	for element := range strings.SplitSeq(text, ",") {
		element = strings.TrimSpace(element)
		if element == "" {
			return errors.New("want a comma-separated list without empty elements")
		}
		if i := slices.Index(list, element); i >= 0 {
			return fmt.Errorf("elements %d and %d are the same", i+1, len(list)+1)
		}
		list = append(list, element)
	}
	*l = list
	return nil
}

// Regexp is an optional regular expression that must match a whole text.
type Regexp struct{ *regexp.Regexp }

// Decode compiles text anchored at both ends.
func (r *Regexp) Decode(text string) error {
	// Compiled alone first: "a)(b" must not close the anchoring group.
	if _, err := regexp.Compile(text); err != nil {
		return expressionFault(err)
	}
	re, err := regexp.Compile(`^(?:` + text + `)$`)
	if err != nil {
		return expressionFault(err)
	}
	r.Regexp = re
	return nil
}

// expressionFault returns err without the piece of the expression that it repeats.
func expressionFault(err error) error {
	const want = "want a regular expression (RE2 syntax)"
	if se, ok := errors.AsType[*syntax.Error](err); ok {
		return fmt.Errorf("%s: %s", want, se.Code)
	}
	return errors.New(want)
}

// IsSet reports whether there is an expression.
func (r Regexp) IsSet() bool { return r.Regexp != nil }

// String returns the anchored expression, or "" when there is none.
func (r Regexp) String() string {
	if r.Regexp == nil {
		return ""
	}
	return r.Regexp.String()
}

// URL is an optional absolute http or https URL without user information,
// query or fragment, and without a trailing slash.
type URL struct{ *url.URL }

// Decode parses text. Whether plain http is accepted is decided by Load.
func (u *URL) Decode(text string) error {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Host == "" || parsed.Hostname() == "" || parsed.Opaque != "":
		return errors.New("want an absolute URL such as https://host/path")
	case parsed.Scheme != "https" && parsed.Scheme != "http":
		return errors.New("want an https URL")
	case parsed.Port() != "" && !isPort(parsed.Port(), 1):
		return errors.New("want a port between 1 and 65535")
	case parsed.User != nil:
		return errors.New("want a URL without user name and password")
	case strings.Contains(text, "@"): // a password that holds a slash looks like a path
		return errors.New("want a URL without @")
	case parsed.RawQuery != "" || parsed.ForceQuery || strings.Contains(text, "#"):
		return errors.New("want a URL without query and fragment")
	}
	parsed.Path = strings.TrimRight(parsed.Path, "/")
	parsed.RawPath = strings.TrimRight(parsed.RawPath, "/")
	u.URL = parsed
	return nil
}

// IsSet reports whether there is a URL.
func (u URL) IsSet() bool { return u.URL != nil }

// String returns the URL, or "" when there is none.
func (u URL) String() string {
	if u.URL == nil {
		return ""
	}
	return u.URL.String()
}
