//go:build !amd64

package record

// indexing says that quotes are never indexed here: strings are read byte by byte.
var indexing = false

func classify(*block, *byte, int, *byte) uint32 { panic("record: classify without AVX2") }

func invalidUTF8(*byte, int, *byte) uint32 { panic("record: invalidUTF8 without AVX2") }
