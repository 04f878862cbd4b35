package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// A Fault is one thing wrong with the configuration. Its text never holds a
// secret.
type Fault struct {
	Variable string // the variable to change
	Value    string // its value as it may be shown; "" when unset or secret
	Problem  string // what is wrong with it, or what is accepted
	Remedy   string // what to do with the variable: a short sentence for people
}

// Error returns `VARIABLE="value": problem`.
func (f *Fault) Error() string {
	if f.Value == "" {
		return f.Variable + ": " + f.Problem
	}
	return fmt.Sprintf("%s=%q: %s", f.Variable, f.Value, f.Problem)
}

// Faults returns the faults that an error of [Load] joins.
func Faults(err error) []*Fault {
	var faults []*Fault
	if joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err); ok {
		for _, err := range joined.Unwrap() {
			faults = append(faults, Faults(err)...)
		}
	} else if f, ok := errors.AsType[*Fault](err); ok {
		faults = append(faults, f)
	}
	return faults
}

// What stands before the host of an address, up to the last @ since a password
// may hold anything, and the query or fragment of a URL.
var (
	userInfo = regexp.MustCompile(`(?s)^([a-zA-Z]+://)?.*@`)
	urlQuery = regexp.MustCompile(`(?s)([?#]).*$`)
	address  = regexp.MustCompile(`(?s)://|:.*@`) // an address in a variable of another kind
	skipName = regexp.MustCompile(`[A-Za-z0-9._-]+[/:][0-9]+@[0-9]+`)
)

// maxShown bounds how much of a value is repeated in a fault.
const maxShown = 300

// shown returns value as a fault may print it, cut where it is long. What is at
// fault may be anything, also what belongs into another variable: credentials
// of an address, a key in PEM form, a secret in place of the path of its file.
func shown(s Setting, value string) string {
	switch {
	case strings.Contains(value, "-----BEGIN"), s.holdsKeyPath() && !isPath(value):
		return ""
	case s.holdsAddress(), address.MatchString(value) && !namesRecords(s, value):
		value = userInfo.ReplaceAllString(value, "${1}"+redacted+"@")
		value = urlQuery.ReplaceAllString(value, "${1}"+redacted)
	}
	if len(value) > maxShown {
		value = strings.ToValidUTF8(value[:maxShown], "") + "…"
	}
	return value
}

// holdsAddress reports whether the value is an address or a part of one.
func (s Setting) holdsAddress() bool {
	return s.Kind == KindURL || s.Variable == varBrokers || s.Variable == varImportPath ||
		s.Variable == varHTTPAddr || s.Variable == varPprofAddr
}

// holdsKeyPath reports whether the value is the path of a file with a secret.
func (s Setting) holdsKeyPath() bool { return s.Secret() || s.Variable == varTLSKeyFile }

// isPath reports whether value is plainly a path.
func isPath(value string) bool { return filepath.IsAbs(value) || strings.HasPrefix(value, ".") }

// namesRecords reports whether each @ of value stands in the name of a record,
// perhaps one that is written topic:partition.
func namesRecords(s Setting, value string) bool {
	return s.Variable == "BRIDGE_SKIP_RECORDS" && !address.MatchString(skipName.ReplaceAllString(value, ""))
}
