package config

import (
	"fmt"
	"regexp"
	"strings"
)

// SASLExtension is a pair that OAUTHBEARER sends to the brokers beside the token.
type SASLExtension struct{ Name, Value string }

// SASLExtensions are the pairs in the order in which they are sent.
type SASLExtensions []SASLExtension

// What RFC 7628, section 3.1, allows, less the line ends and tabs in a value.
var (
	extensionName  = regexp.MustCompile(`^[A-Za-z]+$`)
	extensionValue = regexp.MustCompile(`^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$`)
)

// Decode parses name=value,... A part without = goes on with the value before
// it: such a value is itself a comma-separated list.
func (x *SASLExtensions) Decode(text string) error {
	var extensions SASLExtensions
	seen := map[string]bool{"auth": true} // the token's own
	for i, part := range strings.Split(text, ",") {
		name, value, pair := strings.Cut(strings.TrimSpace(part), "=")
		if last := len(extensions) - 1; !pair && last >= 0 && extensionValue.MatchString(name) {
			extensions[last].Value += "," + name
			continue
		}
		switch {
		case !extensionName.MatchString(name) || !extensionValue.MatchString(value):
			return fmt.Errorf("element %d is not of the form name=value, with letters in the name and printable ASCII in the value", i+1)
		case seen[name]:
			return fmt.Errorf("element %d has a name that is taken", i+1)
		}
		seen[name] = true
		extensions = append(extensions, SASLExtension{name, value})
	}
	*x = extensions
	return nil
}
