package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Settings decide how records become lines.
type Settings struct {
	// Value is the object that is stored: the whole value, or a field of it.
	//
	// Default: the zero source, the whole value
	Value ValueSource

	Namespace NamespaceSource // required
	Map       Map             // applied to each name that Namespace yields
	Allow     *regexp.Regexp  // matched against the whole of each mapped namespace; nil allows all

	ID IDSource // required
	// IDNumbers takes a JSON number's own text as the id. Otherwise a number
	// is rejected.
	IDNumbers bool

	// Format names what made JSON of the values, if they were something else: another
	// JSON is another line.
	//
	// Default: "", nothing
	Format string

	// MaxLineBytes is the largest line, with its newline, that is accepted: what
	// a batch may hold.
	//
	// Default: 0, no limit
	MaxLineBytes int64
	// MaxFanoutBytes is the largest product of a line, with its newline and
	// FanoutOverhead, and the number of its namespaces that is accepted. A
	// line of one namespace that is larger is too large as well, whatever
	// MaxLineBytes says.
	//
	// Default: 0, no limit
	MaxFanoutBytes int64
	// FanoutOverhead is what a line takes of MaxFanoutBytes for each of its
	// namespaces beside its bytes, where it has several: the bookkeeping of
	// many short lines is larger than they are.
	//
	// Default: 0
	FanoutOverhead int64
}

// Fingerprint is a hash, as 8 hexadecimal digits, of everything that decides
// to which namespaces and under which id a record is stored. The size limits
// are not part of it. It is the same in every process and release, unless
// these rules themselves change.
func (s Settings) Fingerprint() string {
	allow := ""
	if s.Allow != nil {
		allow = s.Allow.String()
	}
	text := fmt.Sprintf("1 %q %q %t %q %q %t", s.Namespace.text, s.Map.String(), s.Allow != nil, allow, s.ID.text, s.IDNumbers)
	if s.Value.kind == sourceField { // otherwise the text is that of releases that knew no other
		text += fmt.Sprintf(" %q", strings.Join(s.objectPath(), "."))
	}
	if s.Format != "" {
		text += " format " + s.Format
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// objectPath is the path of the object that is stored, empty for the whole value.
func (s Settings) objectPath() []string {
	if s.Value.kind != sourceField {
		return nil
	}
	return s.Value.path(nil)
}

// lineIDPath is the path of the id of the object that is stored.
func (s Settings) lineIDPath() []string { return append(s.objectPath(), "id") }

// idInLine reports whether the id source is the very id that is stored.
func (s Settings) idInLine() bool {
	return s.ID.kind == sourceField && slices.Equal(s.ID.path(s.objectPath()), s.lineIDPath())
}

// Mapper holds checked settings. It is immutable and safe for concurrent use.
type Mapper struct {
	settings Settings
	allow    *regexp.Regexp // anchored at both ends; nil allows all
	static   []string       // the namespaces of every record, if the source is static
	idInLine bool           // the id source is the very id that is stored
	rejected rejections
}

// NewMapper checks settings. It is an error if they are incomplete or reject
// every record.
func NewMapper(s Settings) (*Mapper, error) {
	if s.Namespace.kind == sourceUnset || s.ID.kind == sourceUnset {
		return nil, errors.New("read record settings: namespace and id sources are required")
	}
	if s.MaxLineBytes < 0 || s.MaxFanoutBytes < 0 || s.FanoutOverhead < 0 {
		return nil, errors.New("read record settings: a size limit is negative")
	}
	m := &Mapper{settings: s, rejected: newRejections(s), idInLine: s.idInLine()}
	if s.Allow != nil {
		whole, err := regexp.Compile(`\A(?:` + s.Allow.String() + `)\z`)
		if err != nil {
			return nil, fmt.Errorf("anchor allowed namespaces: %w", err)
		}
		m.allow = whole
	}
	if err := m.resolveStatic(); err != nil {
		return nil, err
	}
	return m, nil
}

// tooLarge says which limit a line of size bytes, with its newline, is beyond,
// however few its namespaces; nil if none.
func (m *Mapper) tooLarge(size int64) *Rejection {
	exceeds := func(limit int64) bool { return limit > 0 && size > limit }
	batch, buffer := exceeds(m.settings.MaxLineBytes), exceeds(m.settings.MaxFanoutBytes)
	switch {
	case batch && buffer:
		return m.rejected.size.both
	case batch:
		return m.rejected.size.batch
	case buffer:
		return m.rejected.size.buffer
	}
	return nil
}

func (m *Mapper) resolveStatic() error {
	if m.settings.Namespace.kind != sourceStatic {
		return nil
	}
	r := route{mapper: m, limit: noLimit}
	if rej := r.add(m.settings.Namespace.name); rej != nil {
		return fmt.Errorf("resolve static namespace: %s", rej.Detail)
	}
	m.static = r.namespaces
	return nil
}
