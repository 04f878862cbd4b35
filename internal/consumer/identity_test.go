package consumer

import "testing"

func TestSameRouting(t *testing.T) {
	for _, tc := range []struct {
		name, old, now string
		want           bool
	}{
		{"nothing has changed", "0be63aad.100.400", "0be63aad.100.400", true},
		{"larger limits make no line a rejected record", "0be63aad.100.400", "0be63aad.101.500", true},
		{"a smaller line limit may reject what is still owed", "0be63aad.100.400", "0be63aad.99.400", false},
		{"a smaller fan-out limit may reject what is still owed", "0be63aad.100.400", "0be63aad.100.399", false},
		{"another routing", "0be63aad.100.400", "1be63aad.100.400", false},
		{"text of an earlier kind", "0be63aad", "0be63aad.100.400", false},
		{"limits that are no numbers", "0be63aad.x.400", "0be63aad.100.400", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := sameRouting(tc.old, tc.now); got != tc.want {
				t.Errorf("sameRouting(%q, %q) = %v, want %v", tc.old, tc.now, got, tc.want)
			}
		})
	}
}
