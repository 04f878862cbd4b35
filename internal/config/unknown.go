package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// prefixes are the names that belong to the bridge.
var prefixes = []string{"BRIDGE_", "SAFETYKIT_"}

// refuseUnknown adds a fault for each variable under the bridge's prefixes
// that is no setting, so that a typo does not fall back to a default silently.
// Its value is not repeated: it may be a misspelt secret's.
func (l *loader) refuseUnknown(settings []Setting) {
	known := variables(settings)
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		ours := slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
		if !ours || slices.Contains(known, name) || serviceLink.MatchString(name+"="+l.env[name]) {
			continue
		}
		problem := "no such setting; `bridge config` lists them"
		if near := nearest(name, known); near != "" {
			problem = "no such setting; did you mean " + near + "?"
		}
		l.faults = append(l.faults, &Fault{Variable: name, Problem: problem, Remedy: "rename or remove " + name})
	}
}

// variables returns the name of each setting and of each secret's twin.
func variables(settings []Setting) []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.Variable)
		if file := s.FileVariable(); file != "" {
			names = append(names, file)
		}
	}
	return names
}

// serviceLink matches what Kubernetes puts into the environment for each service of the
// namespace, here one called bridge or bridge-metrics. The values matter:
// BRIDGE_HTTP_PORT=8080 is a typo of ours and no link.
var serviceLink = regexp.MustCompile(`(?s)^\w+_(` + strings.Join([]string{
	`SERVICE_HOST=[0-9a-fA-F.:]+`,
	`SERVICE_PORT(_[A-Z0-9_]+)?=[0-9]+`,
	`PORT(_[0-9]+_(TCP|UDP|SCTP))?=(tcp|udp|sctp)://.*`,
	`PORT_[0-9]+_(TCP|UDP|SCTP)_PROTO=(tcp|udp|sctp)`,
	`PORT_[0-9]+_(TCP|UDP|SCTP)_PORT=[0-9]+`,
	`PORT_[0-9]+_(TCP|UDP|SCTP)_ADDR=[0-9a-fA-F.:]+`,
}, "|") + `)$`)

// nearest returns the known name that the misspelt one most likely means, or
// "": the one with the fewest differing letters, or the one that ends like it
// (BRIDGE_TOPICS for BRIDGE_KAFKA_TOPICS).
func nearest(name string, known []string) string {
	best, least := "", len(name)/4+1
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return best
	}
	_, tail, _ := strings.Cut(name, "_")
	for _, k := range known {
		if strings.HasSuffix(k, "_"+tail) {
			return k
		}
	}
	return ""
}

// distance returns how many letters must be inserted, removed or replaced to
// turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
