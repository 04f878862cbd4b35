package receipt

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"
)

func sample() *Receipt {
	return &Receipt{
		RequestID: "req_1", Namespace: "users", Records: 7, Bytes: 700, Attempts: 2, Settings: "0123abcd",
		StoredAt: time.Date(2026, 11, 1, 12, 0, 0, 123_000_000, time.UTC),
		Pieces: []Piece{
			{Topic: "orders", TopicID: "vYuVoGKkTfiWpZ1hbZJqTg", Partition: 3, First: 100, Last: 104, Records: 5},
			{Topic: "orders", Partition: 4, First: 9, Last: 90, Records: 2},
		},
	}
}

const golden = `{"version":1,"request_id":"req_1","namespace":"users","records":7,"bytes":700,"stored_at":"2026-11-01T12:00:00.123Z","attempts":2,"settings":"0123abcd",` +
	`"pieces":[{"topic":"orders","topic_id":"vYuVoGKkTfiWpZ1hbZJqTg","partition":3,"first":100,"last":104,"records":5},{"topic":"orders","topic_id":"","partition":4,"first":9,"last":90,"records":2}]`

// TestReceipt_isWrittenAsPromised: others read the topic too.
func TestReceipt_isWrittenAsPromised(t *testing.T) {
	r := sample()
	value, err := r.Encode()
	if err != nil || string(value) != golden+"}" || string(r.Key()) != "req_1" {
		t.Errorf("%s: %s, %v", r.Key(), value, err)
	}
	count := int64(6)
	r.Status, r.FinishedAt, r.DataCount = "succeeded", r.StoredAt.Add(3*time.Second+7), &count
	value, err = r.Encode()
	if err != nil || string(value) != golden+`,"status":"succeeded","finished_at":"2026-11-01T12:00:03.123Z","data_count":6}` {
		t.Errorf("at its end: %s, %v", value, err)
	}
}

// Times are written in UTC, wherever they were taken.
func TestReceipt_isOfNoZone(t *testing.T) {
	r := sample()
	r.StoredAt = r.StoredAt.In(time.FixedZone("east", 3600))
	if value, err := r.Encode(); err != nil || string(value) != golden+"}" {
		t.Errorf("%s, %v", value, err)
	}
}

// A piece whose bounds are so far apart that their distance overflows is none.
func TestReceipt_aPieceThatEndsBeforeItBegins(t *testing.T) {
	r := sample()
	r.Pieces[0].First, r.Pieces[0].Last, r.Pieces[0].Records = math.MaxInt64, math.MinInt64, 1
	if r.check() == nil {
		t.Error("it is taken")
	}
}

func TestReceipt_withoutRequestIDHasAKeyOfItsOwn(t *testing.T) {
	r := sample()
	r.RequestID = ""
	if got := string(r.Key()); got != "users/orders/3/100" {
		t.Errorf("key %q", got)
	}
}

func TestPiece_OfTopic(t *testing.T) {
	for _, tc := range []struct {
		piece, id string
		want      bool
	}{{"a", "a", true}, {"a", "b", false}, {"", "b", true}, {"a", "", true}} {
		p := Piece{Topic: "orders", TopicID: tc.piece}
		if got := p.OfTopic("orders", tc.id); got != tc.want || p.OfTopic("users", tc.id) {
			t.Errorf("a piece of id %q is of the topic of id %q: %t", tc.piece, tc.id, got)
		}
	}
}

func TestDecode_refusals(t *testing.T) {
	for _, bad := range []string{
		``, `null`, `[]`, `{}`, `{"version":"1"}`, golden, golden + `]}`,
		`{"version":1,"namespace":"","pieces":[{"topic":"a","first":1,"last":1,"records":1}]}`,
		`{"version":1,"namespace":"a","pieces":[]}`,
		`{"version":1,"namespace":"a","pieces":[{"topic":"","first":1,"last":1,"records":1}]}`,
		`{"version":1,"namespace":"a","pieces":[{"topic":"a","partition":-1,"first":1,"last":1,"records":1}]}`,
		`{"version":1,"namespace":"a","pieces":[{"topic":"a","first":2,"last":1,"records":1}]}`,
		`{"version":1,"namespace":"a","pieces":[{"topic":"a","first":1,"last":1,"records":2}]}`,
		`{"version":1,"namespace":"a","pieces":[{"topic":"a","first":1,"last":1,"records":0}]}`,
	} {
		if r, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%s was taken: %+v", bad, r)
		}
	}
	if _, err := Decode([]byte(`{"version":2,"pieces":{}}`)); err == nil {
		t.Error("a receipt of another shape was taken")
	}
	if _, err := Decode([]byte(`{"version":2}`)); !errors.Is(err, ErrVersion) {
		t.Errorf("a later version: %v", err)
	}
	if r, err := Decode([]byte(golden + `,"later":[1]}`)); err != nil || !reflect.DeepEqual(r, sample()) {
		t.Errorf("a field that was added: %+v, %v", r, err)
	}
}

// FuzzDecode: what is taken is written as a receipt that is taken, with the same
// meaning.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(golden + "}"))
	f.Add([]byte(golden + `,"status":"failed","finished_at":"2026-11-01T12:00:03.123456Z","data_count":null}`))
	f.Add([]byte(`{"version":1,"namespace":"a","stored_at":"2026-11-01T12:00:03+02:00","pieces":[{"topic":"a","first":0,"last":9223372036854775807,"records":1}]}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := Decode(value)
		if err != nil {
			return
		}
		first, err := r.Encode()
		if err != nil {
			t.Skip("a year that cannot be written")
		}
		again, err := Decode(first)
		if err != nil {
			t.Fatalf("%s became %s: %v", value, first, err)
		}
		second, err := again.Encode()
		if err != nil || !bytes.Equal(first, second) || !bytes.Equal(r.Key(), again.Key()) {
			t.Errorf("%s became %s, then %s, %v", value, first, second, err)
		}
	})
}
