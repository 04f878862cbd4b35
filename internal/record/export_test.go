package record

// WalkOnly makes values be read byte after byte, as where no quotes are indexed, until
// restore is called.
func WalkOnly() (restore func()) {
	before := indexing
	indexing = false
	return func() { indexing = before }
}
