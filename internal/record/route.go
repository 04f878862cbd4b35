package record

import (
	"bytes"
	"math"
	"slices"
)

const noLimit = math.MaxInt

// route collects the namespaces of one record.
type route struct {
	mapper     *Mapper
	limit      int // of namespaces
	namespaces []string
	seen       map[string]struct{} // the namespaces, once they are many
}

// manyNamespaces is where a set becomes faster than looking through the list.
const manyNamespaces = 16

// add maps one name and adds the namespaces that are new.
func (r *route) add(name string) *Rejection {
	rejected := &r.mapper.rejected
	if name == "" {
		return rejected.namespace.empty
	}
	to, ok := r.mapper.settings.Map.Lookup(name)
	if !ok {
		to = []string{name}
	}
	for _, namespace := range to {
		switch {
		case !ValidNamespace(namespace):
			return rejected.namespace.form
		case r.mapper.allow != nil && !r.mapper.allow.MatchString(namespace):
			return rejected.namespace.deny
		case r.has(namespace):
			continue
		case len(r.namespaces) >= r.limit:
			return rejected.size.fanout
		}
		r.namespaces = append(r.namespaces, namespace)
		if r.seen != nil {
			r.seen[namespace] = struct{}{}
		}
	}
	return nil
}

func (r *route) has(namespace string) bool {
	if len(r.namespaces) < manyNamespaces {
		return slices.Contains(r.namespaces, namespace)
	}
	if r.seen == nil {
		r.seen = make(map[string]struct{}, 2*manyNamespaces)
		for _, n := range r.namespaces {
			r.seen[n] = struct{}{}
		}
	}
	_, ok := r.seen[namespace]
	return ok
}

// addList adds the items of a comma-separated list.
func (r *route) addList(list []byte) *Rejection {
	for item := range bytes.SplitSeq(list, []byte{','}) {
		if rej := r.add(string(bytes.Trim(item, " \t"))); rej != nil {
			return rej
		}
	}
	return nil
}

// addJSON adds a JSON string, or the strings of a JSON array. raw is valid
// JSON.
func (r *route) addJSON(raw []byte) *Rejection {
	switch raw[0] {
	case '"':
		return r.addString(raw)
	case '[':
		return r.addArray(raw)
	default:
		return r.mapper.rejected.namespace.kind
	}
}

func (r *route) addString(raw []byte) *Rejection {
	return r.add(string(appendUnquoted(nil, raw[1:len(raw)-1])))
}

func (r *route) addArray(raw []byte) *Rejection {
	for i := 1; i < len(raw)-1; {
		switch c := raw[i]; {
		case c == ',' || isSpace(c):
			i++
		case c == '"':
			end := stringEnd(raw, i)
			if rej := r.addString(raw[i:end]); rej != nil {
				return rej
			}
			i = end
		default:
			return r.mapper.rejected.namespace.kind
		}
	}
	return nil
}

// maxNamespaces is how many namespaces a line of size bytes, with its newline,
// may go to.
func (m *Mapper) maxNamespaces(size int64) int {
	if m.settings.MaxFanoutBytes == 0 {
		return noLimit
	}
	return int(min(max(1, m.settings.MaxFanoutBytes/(size+m.settings.FanoutOverhead)), noLimit))
}
