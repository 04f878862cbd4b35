package decode

// Waiting is the error for a schema that is not known yet. It is asked for in the
// background.
type Waiting struct {
	Ref Ref
	// Err is what the registry's last answer was, nil if it has not answered yet.
	Err error
	// Ready is closed when it makes sense to decode the value again.
	Ready <-chan struct{}
}

func (w *Waiting) Error() string {
	text := "waits for schema " + w.Ref.String()
	if w.Err != nil {
		text += ": " + w.Err.Error()
	}
	return text
}

func (w *Waiting) Unwrap() error { return w.Err }
