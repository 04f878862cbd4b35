package record

import "golang.org/x/sys/cpu"

// indexing says whether this processor can index quotes. It is a variable for tests.
var indexing = cpu.X86.HasAVX2

// classify fills a block for each 64 bytes of src, and one more for the 64 bytes
// of tail. high is not 0 if a byte outside ASCII is among them. It needs AVX2.
//
//go:noescape
func classify(dst *block, src *byte, blocks int, tail *byte) (high uint32)

// invalidUTF8 is not 0 if the blocks of 64 bytes at src and the one at tail, which
// has to end in ASCII, are together not valid UTF-8 (RFC 3629). It needs AVX2. The
// algorithm is that of Keiser and Lemire, "Validating UTF-8 In Less Than One
// Instruction Per Byte", https://arxiv.org/abs/2010.03090.
//
//go:noescape
func invalidUTF8(src *byte, blocks int, tail *byte) (bad uint32)
