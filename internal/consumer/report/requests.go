package report

// maxRequestIDs bounds what is remembered of requests, in namespaces.
const maxRequestIDs = MaxStatusNamespaces

// RequestIDs remembers the import API's name for the last request of each
// namespace, the first ones left out where there are too many. It
// outlives the namespaces, of which nothing else is known once they are idle.
// The zero value is empty. Not safe for concurrent use.
type RequestIDs struct {
	last  map[string]string // namespace -> request id
	order []string          // namespaces, a ring once it is full
	next  int               // in order: the one to leave out
}

// Note remembers a request; an empty id is none.
func (r *RequestIDs) Note(namespace, id string) {
	if id == "" {
		return
	}
	if r.last == nil {
		r.last = map[string]string{}
	}
	if _, known := r.last[namespace]; !known {
		if len(r.order) < maxRequestIDs {
			r.order = append(r.order, namespace)
		} else {
			delete(r.last, r.order[r.next])
			r.order[r.next] = namespace
			r.next = (r.next + 1) % maxRequestIDs
		}
	}
	r.last[namespace] = id
}

// Last returns the id of the namespace's last request, nil if none is remembered.
func (r *RequestIDs) Last(namespace string) *string {
	if id, ok := r.last[namespace]; ok {
		return &id
	}
	return nil
}
