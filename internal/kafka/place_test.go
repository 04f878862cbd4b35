package kafka

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParsePlaces(t *testing.T) {
	for text, want := range map[string]struct {
		first Place
		last  int64
	}{
		"users/3@4711":                {TopicPartition{"users", 3}.At(4711), 4711},
		"a.b-c_d/0@0":                 {TopicPartition{"a.b-c_d", 0}.At(0), 0},
		"users/3@7-9":                 {TopicPartition{"users", 3}.At(7), 9},
		"users/3@7-7":                 {TopicPartition{"users", 3}.At(7), 7},
		"u/0@9223372036854775807":     {TopicPartition{"u", 0}.At(1<<63 - 1), 1<<63 - 1},
		"u/2147483647@1-2":            {TopicPartition{"u", 1<<31 - 1}.At(1), 2},
		"users/2147483648@1":          {},
		"users/3@9-7":                 {},
		"users/3":                     {},
		"users@7":                     {},
		"/3@7":                        {},
		"../3@7":                      {},
		"users/x@7":                   {},
		"a/b/3@7":                     {},
		"users/3@":                    {},
		"users/3@7-":                  {},
		"users/3@-7":                  {},
		"users/-3@7":                  {},
		"users/+3@7":                  {},
		"users/3@ 7":                  {},
		"users/3@9223372036854775808": {},
		"users:3@7":                   {},
		"":                            {},
	} {
		first, last, ok := ParsePlaces(text)
		if first != want.first || last != want.last || ok != (want.first != Place{}) {
			t.Errorf("%q: %+v to %d, %t", text, first, last, ok)
		}
		if ok && first.Offset == last && !strings.Contains(text, "-") && first.String() != text {
			t.Errorf("%q prints as %q", text, first)
		}
	}
}

// /status, bridge record and bridge verify print places.
func TestPlace_json(t *testing.T) {
	got, err := json.Marshal(TopicPartition{"users", 3}.At(7))
	if want := `{"topic":"users","partition":3,"offset":7}`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}
