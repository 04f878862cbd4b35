package importer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
)

// PathAuto, as Config.Path, makes the client find out which of the create call's two
// names the API knows.
const PathAuto = "auto"

// The two names of the create call, the one that is tried first in front.
const (
	pathImport    = "/v1/data/" + namespaceMark + "/import"
	pathUploadURL = "/v1/data/" + namespaceMark + "/requests/upload-url"
)

// paths are the names under which the create call may be known: one, or two of
// which one is kept until it answers that it does not exist and the other one
// gives an upload URL. Safe for concurrent use.
type paths struct {
	names []string
	kept  atomic.Int32 // index of the one in use
}

func newPaths(setting string) *paths {
	if setting == PathAuto {
		return &paths{names: []string{pathImport, pathUploadURL}}
	}
	return &paths{names: []string{setting}}
}

// Path returns the path of the create call that is in use.
func (c *Client) Path() string { return c.paths.names[c.paths.kept.Load()] }

// createAnywhere makes the create call, under its other name too where the one
// in use does not exist. Only an upload URL makes the other name the one in use:
// anything else may come from a gateway in front of the API. So a namespace that
// the API does not know costs a second call, and changes nothing for the others.
func (c *Client) createAnywhere(ctx context.Context, i *Import, guard func() error) answer {
	names, kept := c.paths.names, c.paths.kept.Load()
	a := c.createUnder(ctx, i, names[kept], guard)
	if a.class != Missing || len(names) == 1 {
		return a
	}
	other := 1 - kept
	b := c.createUnder(ctx, i, names[other], guard)
	switch {
	case b.class == Missing:
		a.err = fmt.Errorf("%w, and under the call's other name %w", a.err, b.err)
		return a
	case b.class == Stored && c.paths.kept.CompareAndSwap(kept, other):
		c.log.Warn("the import API answers under the other name of its call only; that one is used from now on",
			"import_path", names[other], "instead_of", names[kept], "status", a.status)
	}
	return b
}

// target returns the address of a call for a namespace. Valid namespaces need no
// escaping; others never get into a path.
func (c *Client) target(path, namespace string) (*url.URL, error) {
	if !validNamespace(namespace) {
		return nil, errors.New("namespace is not made of letters, digits, _ and -")
	}
	u := *c.cfg.BaseURL
	u.Path = strings.TrimSuffix(u.Path, "/") + strings.ReplaceAll(path, namespaceMark, namespace)
	return &u, nil
}

func validNamespace(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return s != ""
}

// requestsPath returns the path under which the API keeps a namespace's
// requests: beside the create call, whatever prefix a setting gives it.
func requestsPath(create string) string {
	for _, name := range []string{"/requests/upload-url", "/import"} {
		if base, ok := strings.CutSuffix(create, name); ok && strings.HasSuffix(base, namespaceMark) {
			return base + "/requests/"
		}
	}
	return "/v1/data/" + namespaceMark + "/requests/"
}
