package record

// Headers are the headers of one record.
type Headers interface {
	// Header gives the value of the last header of that name; ok is false if
	// there is none.
	Header(name string) (value []byte, ok bool)
}

// Input is one Kafka record. Its memory is the caller's; it is read during
// Worker.Line only, but the line may alias Value.
type Input struct {
	Topic      string
	Partition  int32
	Offset     int64
	Key, Value []byte  // nil is null
	Headers    Headers // nil is none
}

// Line is the line that is stored for one record, and where it goes.
type Line struct {
	// Bytes is one JSON object, perhaps with blanks and tabs around it, without
	// a newline. It aliases the record's value or the scratch that was given to
	// Worker.Line, and lives as long.
	Bytes []byte
	// Namespaces are valid, without repeats, in the order of the record. The
	// list is shared: it is valid for ever and must not be modified.
	Namespaces []string
}

// Worker turns records into lines with the settings of its Mapper. It is not
// safe for concurrent use.
type Worker struct {
	mapper   *Mapper
	scan     scanner
	id       idScratch
	lists    listCache
	topic    []byte // scratch
	lastFail failure
	lastRej  *Rejection // of lastFail
}

// Worker makes a worker for one goroutine.
func (m *Mapper) Worker() *Worker {
	w := &Worker{mapper: m, lists: newListCache()}
	object := m.settings.objectPath()
	if len(object) > 0 {
		w.scan.watch(watchObject, object)
	}
	w.scan.watch(watchLineID, m.settings.lineIDPath())
	if s := m.settings.Namespace; s.kind == sourceField {
		w.scan.watch(watchNamespace, s.path(object))
	}
	if s := m.settings.ID; s.kind == sourceField && !m.idInLine {
		w.scan.watch(watchID, s.path(object))
	}
	return w
}

// Line turns one record into its line and namespaces, or says why it cannot;
// rej is nil if it can. A line that differs from the record's own bytes is
// appended to dst. out is dst, extended by such a line; the caller may pass
// it, cut short, to the next call once the line is no longer needed.
func (w *Worker) Line(dst []byte, in *Input) (line Line, out []byte, rej *Rejection) {
	line, out, rej = w.line(dst, in)
	w.scan.data = nil // an idle worker keeps no fetched memory alive
	return line, out, rej
}

func (w *Worker) line(dst []byte, in *Input) (line Line, out []byte, rej *Rejection) {
	rejected := &w.mapper.rejected
	if in.Value == nil {
		return Line{}, dst, rejected.tombstone
	}
	if fail := w.scan.object(in.Value); fail.fault != faultNone {
		return Line{}, dst, w.notJSON(fail)
	}
	if rej := w.narrow(); rej != nil {
		return Line{}, dst, rej
	}
	id, rej := w.lineID(in)
	if rej != nil {
		return Line{}, dst, rej
	}
	edit := w.scan.edit(id)
	size := int64(edit.size) + 1
	if rej := w.mapper.tooLarge(size); rej != nil {
		return Line{}, dst, rej
	}
	namespaces, rej := w.namespaces(in, w.mapper.maxNamespaces(size))
	if rej != nil {
		return Line{}, dst, rej
	}
	line.Namespaces = namespaces
	line.Bytes, out = edit.apply(dst)
	return line, out, nil
}

// narrow makes the object that the settings name the one that is stored.
func (w *Worker) narrow() *Rejection {
	if w.mapper.settings.Value.kind != sourceField {
		return nil
	}
	s, rejected := &w.scan, &w.mapper.rejected
	object, ok := s.value(watchObject)
	if !ok {
		return rejected.valueMissing
	}
	switch s.data[object.start] {
	case '{':
		s.narrow(object)
		return nil
	case 'n':
		return rejected.valueNull
	default:
		return w.notJSON(failure{faultMember, object.start})
	}
}

// notJSON keeps its last answer, since bad records come in floods of one kind.
func (w *Worker) notJSON(fail failure) *Rejection {
	if w.lastRej == nil || fail != w.lastFail {
		w.lastFail, w.lastRej = fail, &Rejection{NotJSON, fail.detail()}
	}
	return w.lastRej
}
