package config_test

import (
	"fmt"
	"testing"

	"kafka-import-bridge/internal/config"
)

func TestSASLExtensions(t *testing.T) {
	for _, tc := range []struct{ text, want, fault string }{
		{text: "logicalCluster=lkc-1,identityPoolId=pool-1", want: "[{logicalCluster lkc-1} {identityPoolId pool-1}]"},
		{text: " logicalCluster=lkc-1 , identityPoolId=pool-1,pool-2", want: "[{logicalCluster lkc-1} {identityPoolId pool-1,pool-2}]"},
		{text: "a=b=c d", want: "[{a b=c d}]"},
		{text: "a", fault: "element 1 is not of the form name=value, with letters in the name and printable ASCII in the value"},
		{text: "a=b,", fault: "element 2 is not of the form name=value, with letters in the name and printable ASCII in the value"},
		{text: "a=", fault: "element 1 is not of the form name=value, with letters in the name and printable ASCII in the value"},
		{text: "a-b=c", fault: "element 1 is not of the form name=value, with letters in the name and printable ASCII in the value"},
		{text: "a=b\x01auth=c", fault: "element 1 is not of the form name=value, with letters in the name and printable ASCII in the value"},
		{text: "a=é", fault: "element 1 is not of the form name=value, with letters in the name and printable ASCII in the value"},
		{text: "a=b,a=c", fault: "element 2 has a name that is taken"},
		{text: "auth=b", fault: "element 1 has a name that is taken"},
	} {
		var x config.SASLExtensions
		switch err := x.Decode(tc.text); {
		case err != nil && err.Error() != tc.fault:
			t.Errorf("%q: %v, want %q", tc.text, err, tc.fault)
		case err == nil && (tc.fault != "" || fmt.Sprint(x) != tc.want):
			t.Errorf("%q: %v, want %v%s", tc.text, x, tc.want, tc.fault)
		}
	}
}
