package config

import (
	"fmt"
	"regexp"
	"strings"
)

// A Fault is one thing wrong with the configuration. Its text never holds a
// secret.
type Fault struct {
	Variable string // the variable to change
	Value    string // its value as it may be shown; "" when unset or secret
	Problem  string // what is accepted, or what to do
}

// Error returns `VARIABLE="value": problem`.
func (f *Fault) Error() string {
	if f.Value == "" {
		return f.Variable + ": " + f.Problem
	}
	return fmt.Sprintf("%s=%q: %s", f.Variable, f.Value, f.Problem)
}

// What may hold a secret in an address: whatever stands before the host (a
// password may hold a slash, so up to the last @ of the element), and the query
// or fragment of a URL.
var (
	urlUserInfo    = regexp.MustCompile(`^([a-zA-Z]+://)?.*@`)
	urlQuery       = regexp.MustCompile(`([?#]).*$`)
	brokerUserInfo = regexp.MustCompile(`[^,\s]+@`)
)

// maxShown bounds how much of a value is repeated in an error or a table.
const maxShown = 300

// shown returns value as it may be printed: without the user information and
// the query of addresses, and not endless.
func shown(s Setting, value string) string {
	switch {
	case s.Variable == varBrokers:
		value = brokerUserInfo.ReplaceAllString(value, redacted+"@")
	case s.Kind == KindURL:
		value = urlUserInfo.ReplaceAllString(value, "${1}"+redacted+"@")
		value = urlQuery.ReplaceAllString(value, "${1}"+redacted)
	}
	if len(value) > maxShown {
		value = strings.ToValidUTF8(value[:maxShown], "") + "…"
	}
	return value
}
