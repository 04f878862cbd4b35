package record

import "bytes"

// Bounds of one worker's cache: past either it starts afresh, which costs each
// hot namespace one miss.
const (
	maxLists     = 16 << 10
	maxListBytes = 2 << 20 // of sources, and of what is kept for each of their namespaces
	maxListKey   = 4 << 10 // a longer source is resolved each time

	namespaceBytes = 32 // a short one with its place in a list
)

// namespaceList is the result for one source text: namespaces, or a rejection.
type namespaceList struct {
	namespaces []string
	rej        *Rejection
}

// listCache remembers the namespaces of sources. Their texts are bytes of one
// kind of source: a worker has but one.
type listCache struct {
	lists map[string]namespaceList
	bytes int
}

func newListCache() listCache { return listCache{lists: map[string]namespaceList{}} }

func (c *listCache) put(text []byte, list namespaceList) {
	if len(text) > maxListKey {
		return
	}
	size := len(text) + len(list.namespaces)*namespaceBytes
	if len(c.lists) >= maxLists || c.bytes+size > maxListBytes {
		clear(c.lists)
		c.bytes = 0
	}
	c.lists[string(text)] = list
	c.bytes += size
}

// namespaces gives the namespaces of the record, at most limit of them.
func (w *Worker) namespaces(in *Input, limit int) ([]string, *Rejection) {
	if static := w.mapper.static; static != nil {
		return within(static, limit, &w.mapper.rejected)
	}
	text := w.namespaceText(in)
	if len(text) == 0 {
		return nil, w.mapper.rejected.namespace.none
	}
	list, ok := w.lists.lists[string(text)]
	if !ok {
		list = w.resolve(text, limit)
		if list.rej != w.mapper.rejected.size.fanout { // depends on the line
			w.lists.put(text, list)
		}
	}
	if list.rej != nil {
		return nil, list.rej
	}
	return within(list.namespaces, limit, &w.mapper.rejected)
}

func within(namespaces []string, limit int, rejected *rejections) ([]string, *Rejection) {
	if len(namespaces) > limit {
		return nil, rejected.size.fanout
	}
	return namespaces, nil
}

// namespaceText gives the bytes of the record that name its namespaces: a text,
// a list, or a JSON value, as its source has it; nothing if there are none.
func (w *Worker) namespaceText(in *Input) []byte {
	switch src := w.mapper.settings.Namespace; src.kind {
	case sourceKey:
		return in.Key
	case sourceHeader:
		if in.Headers == nil {
			return nil
		}
		value, _ := in.Headers.Header(src.name)
		return bytes.Trim(value, " \t")
	case sourceField:
		value, ok := w.scan.value(watchNamespace)
		if !ok {
			return nil
		}
		return w.scan.data[value.start:value.end]
	default:
		w.topic = append(w.topic[:0], in.Topic...)
		return w.topic
	}
}

// resolve works out what a source text comes to.
func (w *Worker) resolve(text []byte, limit int) namespaceList {
	r := route{mapper: w.mapper, limit: limit}
	var rej *Rejection
	switch w.mapper.settings.Namespace.kind {
	case sourceHeader:
		rej = r.addList(text)
	case sourceField:
		if string(text) == `""` || string(text) == "null" {
			break
		}
		rej = r.addJSON(text)
	default:
		rej = r.add(string(text))
	}
	if rej == nil && len(r.namespaces) == 0 {
		rej = w.mapper.rejected.namespace.none
	}
	return namespaceList{namespaces: r.namespaces, rej: rej}
}
