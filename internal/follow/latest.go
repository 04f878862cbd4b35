package follow

import (
	"cmp"
	"slices"
)

const (
	maxLatest         = 50   // stored, and of those that failed
	maxLastNamespaces = 1000 // whose last import is remembered
)

// latest remembers the imports that /status shows. The zero value is empty.
type latest struct {
	stored, failed ring
	last           map[string]*Import // by namespace
	namespaces     ring               // those of last, the first known one first
}

// ring is the latest of several imports.
type ring struct {
	list []*Import
	next int // in list, once that is full: the one to leave out
}

// push adds an import and returns the one that is left out for it, or nil.
func (r *ring) push(i *Import, limit int) (left *Import) {
	if len(r.list) < limit {
		r.list = append(r.list, i)
		return nil
	}
	left = r.list[r.next]
	r.list[r.next] = i
	r.next = (r.next + 1) % limit
	return left
}

func (l *latest) note(i *Import) {
	l.stored.push(i, maxLatest)
	if l.last == nil {
		l.last = map[string]*Import{}
	}
	if _, known := l.last[i.Namespace]; !known {
		if left := l.namespaces.push(i, maxLastNamespaces); left != nil {
			delete(l.last, left.Namespace)
		}
	}
	l.last[i.Namespace] = i
}

func (l *latest) noteFailed(i *Import) { l.failed.push(i, maxLatest) }

// Report is the imports' part of /status. It is a copy; nobody else writes it.
type Report struct {
	// Imports are the latest 50 that were stored and the latest 50 that failed,
	// the newest first.
	Imports []Import `json:"imports"`
	// LastImports has the last import of each namespace, by name, of 1,000
	// namespaces at most.
	LastImports []Import `json:"last_imports"`
	// ImportsFollowed is the number of imports whose end is awaited.
	ImportsFollowed int `json:"imports_followed"`
	// ImportsError says why the API does not answer about imports, nil while it does.
	ImportsError *string `json:"imports_error"`
}

// Report returns what is known now.
func (f *Follower) Report() Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := Report{Imports: []Import{}, LastImports: []Import{}, ImportsFollowed: f.schedule.size()}
	seen := map[*Import]bool{}
	for _, i := range slices.Concat(f.latest.stored.list, f.latest.failed.list) {
		if !seen[i] {
			seen[i] = true
			r.Imports = append(r.Imports, *i)
		}
	}
	slices.SortStableFunc(r.Imports, func(a, b Import) int { return b.StoredAt.Compare(a.StoredAt) })
	for _, i := range f.latest.last {
		r.LastImports = append(r.LastImports, *i)
	}
	slices.SortFunc(r.LastImports, func(a, b Import) int { return cmp.Compare(a.Namespace, b.Namespace) })
	if text := f.api.trouble; text != "" {
		r.ImportsError = &text
	}
	return r
}
