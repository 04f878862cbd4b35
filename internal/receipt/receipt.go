// Package receipt is the format of receipts: one record of a Kafka topic for each
// import that was stored, naming the records of which it was made.
//
// The session writes a receipt when an import is stored, the follower's end of it
// is written under the same key, and `bridge verify` reads both. The package is
// pure: it has no state, does no I/O, and knows no other room.
package receipt

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Version is the only version of the format. A reader leaves out receipts of
// others. Fields may be added under the same version; readers ignore those that
// they do not know.
const Version = 1

// Header is the name of the header that every receipt bears, with the version as its
// value. No bridge imports a record that bears it: bridges that read each other's
// receipts would import, and pay for, receipts of receipts for ever.
const Header = "bridge.receipt"

// A Receipt says that the store has taken an import. Receipts of one key are of
// one import; a later one has everything that an earlier one has.
type Receipt struct {
	RequestID string    `json:"request_id"` // the import API's name for the import, "" if it gave none
	Namespace string    `json:"namespace"`  // never empty
	Records   int       `json:"records"`    // lines stored, at least one
	Bytes     int64     `json:"bytes"`      // of the lines with their newlines
	StoredAt  time.Time `json:"stored_at"`  // to the millisecond
	Attempts  int       `json:"attempts"`   // to store it, at least one
	// Settings is the fingerprint of the settings that decided to which
	// namespaces and under which ids the records went, "" in receipts of builds
	// that wrote none.
	Settings string `json:"settings,omitempty"`

	// Pieces are where the lines come from, at least one.
	Pieces []Piece `json:"pieces"`

	// The following are unset until the import was followed to its end.

	Status     string    `json:"status,omitempty"`     // succeeded, succeeded_with_errors or failed
	FinishedAt time.Time `json:"finished_at,omitzero"` // when the API said so, to the millisecond
	DataCount  *int64    `json:"data_count,omitempty"` // results, nil if the API named no number
}

// A Piece is an import's share of one partition. Records between First and Last that
// are not the namespace's, or were left out, are not in it.
type Piece struct {
	Topic     string `json:"topic"`
	TopicID   string `json:"topic_id"` // as Kafka prints it; "" where the brokers have none
	Partition int32  `json:"partition"`
	First     int64  `json:"first"`   // offset of the first line's record
	Last      int64  `json:"last"`    // offset of the last line's record
	Records   int    `json:"records"` // lines, at least one and at most Last-First+1
}

// OfTopic reports whether the piece is of records of a topic. An id that is unknown fits
// any: two that differ are of a topic that was deleted and created again.
func (p *Piece) OfTopic(name, id string) bool {
	return p.Topic == name && (p.TopicID == "" || id == "" || p.TopicID == id)
}

// value is a receipt as it stands in the topic.
type value struct {
	Version int `json:"version"`
	Receipt
}

// Key returns the receipt's key in the topic: the request id, or where the API gave
// none a name that no other import has.
func (r *Receipt) Key() []byte {
	if r.RequestID != "" || len(r.Pieces) == 0 {
		return []byte(r.RequestID)
	}
	p := r.Pieces[0]
	return []byte(r.Namespace + "/" + p.Topic + "/" + strconv.Itoa(int(p.Partition)) + "/" + strconv.FormatInt(p.First, 10))
}

// Encode returns the receipt's value in the topic.
func (r *Receipt) Encode() ([]byte, error) {
	v := value{Version, *r}
	v.StoredAt, v.FinishedAt = milliseconds(r.StoredAt), milliseconds(r.FinishedAt)
	out, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode receipt: %w", err) // a year beyond 9999
	}
	return out, nil
}

func milliseconds(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// ErrVersion is the error of a receipt of a version that this build does not know.
var ErrVersion = errors.New("receipt of an unknown version")

// Decode reads a value of the topic. It returns ErrVersion for a version that it
// does not know, and another error for what is no receipt.
func Decode(data []byte) (*Receipt, error) {
	var v value
	if err := json.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("decode receipt: %w", err)
	}
	if v.Version != Version {
		return nil, ErrVersion
	}
	r := &v.Receipt
	r.StoredAt, r.FinishedAt = r.StoredAt.UTC(), r.FinishedAt.UTC()
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("decode receipt: %w", err)
	}
	return r, nil
}

// check reports what no receipt holds.
func (r *Receipt) check() error {
	if r.Namespace == "" {
		return errors.New("no namespace")
	}
	if len(r.Pieces) == 0 {
		return errors.New("no pieces")
	}
	for _, p := range r.Pieces {
		if p.Topic == "" || p.Partition < 0 || p.First < 0 || p.Last < p.First {
			return errors.New("a piece is no range of a partition")
		}
		if p.Records < 1 || int64(p.Records)-1 > p.Last-p.First {
			return errors.New("a piece has more or fewer records than its range")
		}
	}
	return nil
}
