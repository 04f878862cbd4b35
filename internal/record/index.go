package record

import (
	"math/bits"
	"slices"
	"unsafe"
)

const (
	blockSize = 64

	// maxIndexed is the largest value, in bytes, whose quotes are indexed. It bounds
	// what a worker keeps for the index to about half of that.
	maxIndexed = 256 << 10
)

// block has a bit for each of 64 bytes of a value, the first one's lowest.
type block struct {
	quotes      uint64 // once indexed, without those that are escaped
	backslashes uint64
	controls    uint64
}

// index finds the quotes that begin and end strings, for walk, and checks what
// is in the strings: no raw control character, no invalid escape, no invalid UTF-8.
// It takes each backslash for one in a string. Its false says nothing of the value
// but that it is not worth indexing, or not right.
func (s *scanner) index(data []byte) bool {
	if !indexing || len(data) > maxIndexed {
		return false
	}
	whole := len(data) / blockSize
	s.blocks = slices.Grow(s.blocks[:0], whole+1)[:whole+1]
	tail := blanks
	copy(tail[:], data[whole*blockSize:])
	start := unsafe.SliceData(data)
	if classify(&s.blocks[0], start, whole, &tail[0]) != 0 && invalidUTF8(start, whole, &tail[0]) != 0 {
		return false
	}
	return s.pair(data)
}

// blanks fills up the last block.
var blanks = func() (b [blockSize]byte) {
	for i := range b {
		b[i] = ' '
	}
	return b
}()

// pair takes the escaped quotes out of the blocks and checks what is between the
// others.
func (s *scanner) pair(data []byte) bool {
	var inside, escaped uint64 // at the start of a block: all bits; the lowest
	s.escapes = false
	for i := range s.blocks {
		b := &s.blocks[i]
		if b.backslashes != 0 || escaped != 0 {
			var ok bool
			s.escapes = true
			if escaped, ok = b.unescape(data, i*blockSize, escaped); !ok {
				return false
			}
		}
		if b.controls != 0 && b.controls&(between(b.quotes)^inside) != 0 {
			return false
		}
		inside ^= -uint64(bits.OnesCount64(b.quotes) & 1)
	}
	return inside == 0
}

// between sets the bits from each first quote to the bit before each second one.
func between(quotes uint64) uint64 {
	for shift := 1; shift < blockSize; shift *= 2 {
		quotes ^= quotes << shift
	}
	return quotes
}

// unescape checks the escapes that begin in the block and takes escaped quotes out
// of it. escaped says whether the first byte is, and on return whether the first
// one of the next block is.
func (b *block) unescape(data []byte, start int, escaped uint64) (next uint64, ok bool) {
	left := b.backslashes &^ escaped
	for left != 0 {
		i := bits.TrailingZeros64(left)
		if escapeLen(data[start+i:]) == 0 {
			return 0, false
		}
		if i == blockSize-1 {
			next = 1
		}
		escaped |= 2 << i
		left &^= 3 << i
	}
	b.quotes &^= escaped
	return next, true
}

// closingQuote is the index of the quote that ends the string which begins at i.
func (s *scanner) closingQuote(i int) int {
	from := uint(i) + 1
	if rest := s.blocks[from/blockSize].quotes >> (from % blockSize); rest != 0 {
		return i + 1 + bits.TrailingZeros64(rest)
	}
	return s.closingQuoteBeyond(int(from / blockSize))
}

// closingQuoteBeyond looks in the blocks after that one.
func (s *scanner) closingQuoteBeyond(block int) int {
	for block++; block < len(s.blocks); block++ {
		if quotes := s.blocks[block].quotes; quotes != 0 {
			return block*blockSize + bits.TrailingZeros64(quotes)
		}
	}
	return len(s.data)
}
