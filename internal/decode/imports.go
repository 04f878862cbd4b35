package decode

import (
	"embed"
	"io"
)

// known holds files that .proto schemas may import without a reference: Confluent's
// serializers know them, and do not register them. (Those of google/protobuf come with
// the compiler.) A file has the fields and numbers only.
//
//go:embed known
var known embed.FS

// openKnown opens a known file by the path that it is imported by.
func openKnown(path string) (io.ReadCloser, error) {
	if path == "confluent/types/decimal.proto" { // as Python names it
		path = "confluent/type/decimal.proto"
	}
	return known.Open("known/" + path)
}
