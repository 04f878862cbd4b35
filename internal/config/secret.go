package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
)

// redacted is printed in place of a secret.
const redacted = "[redacted]"

// maxSecretBytes bounds what is read from a secret's file: a path that names
// something else by mistake must not fill the memory.
const maxSecretBytes = 64 << 10

// Secret is a password, key or token. Every way of printing it yields
// "[redacted]"; [Secret.Value] is the only way to its text. Copies share one
// state, so a Reload is seen by all of them. Safe for concurrent use. The zero
// Secret is unset.
type Secret struct{ state *secretState }

type secretState struct {
	path  string                   // "" when the text came from the variable itself
	check func(value string) error // says, without the text, why it cannot be the secret

	mu    sync.RWMutex
	value string // guarded by mu
}

// NewSecret returns a secret with a fixed text, for example in tests.
func NewSecret(value string) Secret {
	return Secret{&secretState{value: value, check: secretFault}}
}

// secretFromFile returns the secret that the file at path holds, if check finds
// nothing wrong with it.
func secretFromFile(path string, check func(string) error) (Secret, error) {
	value, err := readSecret(path, check)
	if err != nil {
		return Secret{}, err
	}
	return Secret{&secretState{path: path, check: check, value: value}}, nil
}

// Decode makes text the secret, without the line ends after it. It never fails: an
// error could be printed together with the text.
func (s *Secret) Decode(text string) error {
	*s = NewSecret(strings.TrimRight(text, "\r\n"))
	return nil
}

// Value returns the text, or "" when the secret is unset.
func (s Secret) Value() string {
	if s.state == nil {
		return ""
	}
	s.state.mu.RLock()
	defer s.state.mu.RUnlock()
	return s.state.value
}

// Reload reads the secret's file again and reports whether the text changed.
// A secret that did not come from a file never changes. On an error (the file
// is missing, empty or unfit) the old text stays.
func (s Secret) Reload() (changed bool, err error) {
	if s.state == nil || s.state.path == "" {
		return false, nil
	}
	value, err := readSecret(s.state.path, s.state.check)
	if err != nil {
		return false, err
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	changed = value != s.state.value
	s.state.value = value
	return changed, nil
}

// Latest returns the text after reading the secret's file again; if that cannot
// be done, the last text that was read.
func (s Secret) Latest() string {
	_, _ = s.Reload() // the old text stays
	return s.Value()
}

// readSecret returns the text of the file at path without line ends after it.
// Its errors never hold the text.
func readSecret(path string, check func(string) error) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open file: %w", pathCause(err))
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSecretBytes+1))
	if err != nil {
		return "", fmt.Errorf("read file: %w", pathCause(err))
	}
	if len(content) > maxSecretBytes {
		return "", fmt.Errorf("the file is larger than %d bytes", maxSecretBytes)
	}
	value := strings.TrimRight(string(content), "\r\n")
	return value, check(value)
}

// secretFault says, without the text, why value cannot be a secret.
func secretFault(value string) error {
	if strings.TrimSpace(value) == "" {
		return errors.New("it is empty")
	}
	if strings.ContainsFunc(value, isControl) {
		return errors.New("it holds a line break or another control character")
	}
	return nil
}

// String returns "[redacted]", or "" when the secret is unset.
func (s Secret) String() string {
	if s.Value() == "" {
		return ""
	}
	return redacted
}

// GoString returns what String does, for %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue returns what String does, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns what String does, for JSON and its like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
