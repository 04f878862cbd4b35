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

// userInfo matches what stands before the host in a URL or an address.
var userInfo = regexp.MustCompile(`[^/,\s]+@`)

// maxShown bounds how much of a value is repeated in an error or a table.
const maxShown = 300

// shown returns value as it may be printed: without the user information of
// addresses, and not endless.
func shown(s Setting, value string) string {
	if s.Kind == KindURL || s.Variable == varBrokers {
		value = userInfo.ReplaceAllString(value, redacted+"@")
	}
	if len(value) > maxShown {
		value = strings.ToValidUTF8(value[:maxShown], "") + "…"
	}
	return value
}
