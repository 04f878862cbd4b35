package record

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// maxNamespaceBytes is ours: the import API states none. It keeps a namespace
// in one file name, one URL segment and one metric label.
const maxNamespaceBytes = 255

var errNamespaceForm = errors.New("a namespace consists of 1 to 255 letters, digits, _ or -")

// ValidNamespace reports whether s is a namespace of the import API: letters and
// digits of ASCII, "_" and "-", at least one and at most 255 bytes.
func ValidNamespace(s string) bool {
	if s == "" || len(s) > maxNamespaceBytes {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Map renames namespaces and fans them out. It is immutable and safe for
// concurrent use; the zero Map names nothing.
type Map struct {
	to map[string][]string // the key "*" is the catch-all
}

// ParseNamespaceMap parses "from=to" and "from=to1+to2" entries, separated by
// commas; "*=to" catches what no other entry names. Targets must be valid
// namespaces; naming one from twice is an error. White space around the parts
// is ignored; an empty text is the empty map. An error names the entry by its
// place and repeats nothing of it.
func ParseNamespaceMap(s string) (Map, error) {
	m := Map{to: map[string][]string{}}
	if strings.TrimSpace(s) == "" {
		return m, nil
	}
	for i, entry := range strings.Split(s, ",") {
		from, to, err := parseMapEntry(entry)
		if err != nil {
			return Map{}, fmt.Errorf("entry %d: %w", i+1, err)
		}
		if _, twice := m.to[from]; twice {
			return Map{}, fmt.Errorf("entry %d: what stands before = is named twice", i+1)
		}
		m.to[from] = to
	}
	return m, nil
}

func parseMapEntry(entry string) (from string, to []string, err error) {
	cut := strings.LastIndexByte(entry, '=') // a target holds none
	if cut < 0 {
		return "", nil, errors.New("want from=to or from=to1+to2")
	}
	if from = strings.TrimSpace(entry[:cut]); from == "" {
		return "", nil, errors.New("nothing before =")
	}
	for i, target := range strings.Split(entry[cut+1:], "+") {
		target = strings.TrimSpace(target)
		if !ValidNamespace(target) {
			return "", nil, fmt.Errorf("target %d: %w", i+1, errNamespaceForm)
		}
		to = append(to, target)
	}
	return from, to, nil
}

// UnmarshalText is ParseNamespaceMap.
func (m *Map) UnmarshalText(text []byte) (err error) {
	*m, err = ParseNamespaceMap(string(text))
	return err
}

// Lookup gives the namespaces that name is mapped to, in the order written.
// ok is false if no entry names it and there is no catch-all: then the name
// itself is the namespace. The slice must not be modified.
func (m Map) Lookup(name string) (to []string, ok bool) {
	if to, ok = m.to[name]; ok {
		return to, true
	}
	to, ok = m.to["*"]
	return to, ok
}

// String is the map as ParseNamespaceMap reads it, its entries sorted.
func (m Map) String() string {
	entries := make([]string, 0, len(m.to))
	for _, from := range slices.Sorted(maps.Keys(m.to)) {
		entries = append(entries, from+"="+strings.Join(m.to[from], "+"))
	}
	return strings.Join(entries, ",")
}
