package sandbox

import (
	"slices"
	"testing"
)

func TestParseLines(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		ids        []string
		fault      string
	}{
		{"two lines", twoLines, []string{"a", "b"}, ""},
		{"blanks and tabs around an object", " \t{\"id\": \"a\"}\t \n", []string{"a"}, ""},
		{"nothing", "", nil, "the object is empty"},
		{"a blank line", twoLines + " \n", []string{"a", "b"}, "line 3: is not one object"},
		{"a carriage return", "{\"id\":\"a\"}\r\n", nil, "line 1: is not one object"},
		{"an array", "[]\n", nil, "line 1: is not one object"},
		{"no newline at the end", `{"id":"a"}`, []string{"a"}, "line 1 is not ended by a newline"},
		{"no id", "{\"id\":\"\"}\n", nil, "line 1: has no string id"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ids, err := ParseLines([]byte(tc.body))
			fault := ""
			if err != nil {
				fault = err.Error()
			}
			if !slices.Equal(ids, tc.ids) || fault != tc.fault {
				t.Errorf("ids %q, fault %q, want %q, %q", ids, fault, tc.ids, tc.fault)
			}
		})
	}
}
