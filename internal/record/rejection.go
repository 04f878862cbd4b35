package record

// Reason says why a record did not become a line. The set is closed: the texts
// are the values of a metric's label.
type Reason uint8

// The reasons, in the order of Reasons.
const (
	NotJSON Reason = iota
	NoID
	BadID
	NoNamespace
	BadNamespace
	TooLarge
	NoValue
	NotDecodable // found by package decode, before a value comes here
	Tombstone
	Receipt  // found by its header, before a value comes here
	Operator // an operator has named the record to be left out, before a value comes here
	reasonCount
)

var reasonNames = [reasonCount]string{
	NotJSON: "not_json", NoID: "no_id", BadID: "bad_id", NoNamespace: "no_namespace", BadNamespace: "bad_namespace",
	TooLarge: "too_large", NoValue: "no_value", NotDecodable: "not_decodable", Tombstone: "tombstone", Receipt: "receipt", Operator: "operator",
}

// String is the reason's label.
func (r Reason) String() string {
	if r < reasonCount {
		return reasonNames[r]
	}
	return "unknown"
}

// Reasons lists every reason once.
func Reasons() []Reason {
	all := make([]Reason, reasonCount)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// Invalid reports whether records of the reason count as invalid: BRIDGE_ON_INVALID
// decides about them. A tombstone has a setting of its own, and a receipt of a bridge, or
// what an operator has named, is always left out.
func (r Reason) Invalid() bool { return r < Tombstone }

// Policy returns what becomes of a record that is rejected for the reason, where
// these are the policies for invalid records and for tombstones.
func (r Reason) Policy(onInvalid, onTombstone Policy) Policy {
	switch r {
	case Tombstone:
		return onTombstone
	case Receipt, Operator:
		return Skip
	}
	return onInvalid
}

// Rejection is why a record cannot become a line. It may be shared between
// records and must not be modified.
type Rejection struct {
	Reason Reason
	// Detail is one sentence for an operator: what is wrong, and where (the
	// byte, counted from 0, or the setting). It never holds a part of the
	// record.
	Detail string
}

// rejections holds the rejections of one mapper that do not depend on the
// record: a flood of bad records allocates none of them.
type rejections struct {
	tombstone, valueNull, valueMissing *Rejection
	id                                 idRejections
	namespace                          namespaceRejections
	size                               sizeRejections
}

type idRejections struct{ missing, empty, number, kind, utf8, control *Rejection }

type namespaceRejections struct{ none, kind, empty, form, deny *Rejection }

type sizeRejections struct{ batch, buffer, both, fanout *Rejection }

func newRejections(s Settings) rejections {
	id, namespace, value := "BRIDGE_ID="+s.ID.String(), "BRIDGE_NAMESPACE="+s.Namespace.String(), "BRIDGE_VALUE="+s.Value.String()
	const (
		lineIsLarger = "the line with its newline is larger "
		batch        = "than a batch may be (BRIDGE_BATCH_MAX_BYTES)"
		buffer       = "than a quarter of the buffer (BRIDGE_BUFFER_MAX_BYTES)"
	)
	// An empty id in the line itself is wrong; in another source it is missing.
	empty := NoID
	if s.idInLine() {
		empty = BadID
	}
	return rejections{
		tombstone:    &Rejection{Tombstone, "the value is null"},
		valueNull:    &Rejection{Tombstone, value + ": null"},
		valueMissing: &Rejection{NoValue, value + ": the record has none"},
		id: idRejections{
			missing: &Rejection{NoID, id + ": the record has none"},
			empty:   &Rejection{empty, id + ": empty or null"},
			number:  &Rejection{BadID, id + ": a number; BRIDGE_ID_NUMBERS=string takes it as text"},
			kind:    &Rejection{BadID, id + ": neither a string nor a number"},
			utf8:    &Rejection{BadID, id + ": not valid UTF-8; binary data is no id (BRIDGE_ID=offset makes one)"},
			control: &Rejection{BadID, id + ": it holds a control character; binary data is no id (BRIDGE_ID=offset makes one)"},
		},
		namespace: namespaceRejections{
			none:  &Rejection{NoNamespace, namespace + ": the record has none"},
			kind:  &Rejection{BadNamespace, namespace + ": neither a string nor an array of strings"},
			empty: &Rejection{BadNamespace, namespace + ": an item of the list is empty"},
			form:  &Rejection{BadNamespace, namespace + ": a namespace consists of 1 to 255 letters, digits, _ or -"},
			deny:  &Rejection{BadNamespace, namespace + ": a namespace is not allowed by BRIDGE_NAMESPACE_ALLOW"},
		},
		size: sizeRejections{
			batch:  &Rejection{TooLarge, lineIsLarger + batch},
			buffer: &Rejection{TooLarge, lineIsLarger + buffer},
			both:   &Rejection{TooLarge, lineIsLarger + batch + " and " + buffer},
			fanout: &Rejection{TooLarge, "the line times its namespaces, with their bookkeeping, is larger " + buffer},
		},
	}
}
