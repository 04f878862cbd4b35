package wire

import (
	"fmt"
	"iter"
)

// Record is one record. Its slices alias the inflated data of its batch.
type Record struct {
	Offset    int64
	Timestamp int64  // milliseconds since 1970
	Key       []byte // nil if null; not nil if merely empty
	Value     []byte // nil if null (a tombstone); not nil if merely empty
	headers   []byte // as on the wire, without their count; found well-formed
}

// Header returns the value of the last header of that name, and whether there
// is one. A null value is nil.
func (r *Record) Header(name string) (value []byte, ok bool) {
	for k, v := range r.Headers() {
		if string(k) == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// Headers yields names and values in their order. A null value is nil. The
// slices alias the record's data.
func (r *Record) Headers() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for c := (cursor{b: r.headers}); len(c.b) > 0; {
			name, value := c.sized(), c.sized()
			if c.bad || !yield(name, value) {
				return
			}
		}
	}
}

// Records reads the records of one batch one after the other. The zero value has none.
type Records struct {
	rest  []byte
	left  int
	next  int64 // no record may have a lower offset
	batch Batch
	err   error
	base  int64 // of a message set: what is added to the offsets of the messages
}

// Reset begins with another batch and its inflated records.
func (it *Records) Reset(b *Batch, data []byte) {
	if b.set != 0 {
		it.resetSet(b, data)
		return
	}
	*it = Records{rest: data, left: b.Records, next: b.BaseOffset, batch: *b}
}

// Next reads the next record into rec and returns false after the last one or
// at the first that is not well-formed: see Err.
func (it *Records) Next(rec *Record) bool {
	if it.left == 0 {
		if it.batch.set != 0 {
			return it.nextOfSet(rec)
		}
		if len(it.rest) > 0 && it.err == nil {
			it.fail(fmt.Errorf("%w: %d bytes after the last record", ErrCount, len(it.rest)))
		}
		return false
	}
	if len(it.rest) == 0 {
		it.fail(fmt.Errorf("%w: %d records are missing", ErrCount, it.left))
		return false
	}
	outer := cursor{b: it.rest}
	body := cursor{b: outer.sized()}
	if outer.bad || body.b == nil || !it.decode(&body, rec) {
		it.fail(ErrRecord)
		return false
	}
	it.left--
	return it.pass(rec, outer.b)
}

// pass checks that the record lies in the batch, behind the one before, and moves on
// to the rest.
func (it *Records) pass(rec *Record, rest []byte) bool {
	if rec.Offset < it.next || rec.Offset > it.batch.LastOffset {
		it.fail(ErrOrder)
		return false
	}
	it.rest, it.next = rest, rec.Offset+1
	return true
}

// Err returns nil if every record that the batch announces was delivered, and a
// *BatchError otherwise. Records delivered before it are good.
func (it *Records) Err() error { return it.err }

func (it *Records) fail(err error) {
	it.err = &BatchError{Offset: it.next, Err: err}
	it.left, it.rest = 0, nil
}

// decode reads the body of one record, which must use every byte of it.
func (it *Records) decode(c *cursor, rec *Record) bool {
	c.take(1) // attributes: none are defined
	timestamp := c.varint()
	offset := c.varint()
	rec.Key = c.sized()
	rec.Value = c.sized()
	headers := c.varint()
	rec.headers = c.b
	for ; headers > 0 && !c.bad; headers-- {
		if c.sized() == nil {
			return false // a header's name is never null
		}
		c.sized()
	}
	rec.Offset = it.batch.BaseOffset + offset // which pass bounds, wherever that is
	it.date(rec, it.batch.FirstTimestamp+timestamp)
	return !c.bad && headers >= 0 && len(c.b) == 0
}

// date sets a record's timestamp to its own, or to the batch's where the broker has
// dated it.
func (it *Records) date(rec *Record, own int64) {
	rec.Timestamp = own
	if it.batch.LogAppendTime {
		rec.Timestamp = it.batch.MaxTimestamp
	}
}
