package record

import (
	"bytes"
	"strconv"
)

// fault says in which way a value is not one JSON object.
type fault uint8

const (
	faultNone fault = iota
	faultEmpty
	faultBOM
	faultNotObject
	faultUnexpected
	faultEnd
	faultEscape
	faultControl
	faultUTF8
	faultDepth
	faultTrailing
	faultMember
)

var faultTexts = [...]string{
	faultNone:       "no fault",
	faultEmpty:      "the value holds nothing",
	faultBOM:        "the value begins with a byte order mark",
	faultNotObject:  "the value is not a JSON object",
	faultUnexpected: "a byte that JSON does not allow here",
	faultEnd:        "the value ends too early",
	faultEscape:     "an invalid escape in a string",
	faultControl:    "a raw control character in a string",
	faultUTF8:       "invalid UTF-8 in a string",
	faultDepth:      "nested deeper than " + strconv.Itoa(MaxDepth) + " levels",
	faultTrailing:   "something follows the JSON object",
	faultMember:     "what BRIDGE_VALUE names is not a JSON object",
}

func (f fault) String() string { return faultTexts[f] }

// failure is a fault and the byte, counted from 0, where it lies.
type failure struct {
	fault fault
	pos   int
}

func (f failure) detail() string { return f.fault.String() + ", at byte " + strconv.Itoa(f.pos) }

// fail keeps the failure and is false, to be returned.
func (s *scanner) fail(f fault, pos int) bool {
	s.failed = failure{f, pos}
	return false
}

// unexpected fails at pos.
func (s *scanner) unexpected(pos int) bool {
	if pos == len(s.data) {
		return s.fail(faultEnd, pos)
	}
	return s.fail(faultUnexpected, pos)
}

// notObject returns the failure for data in which no object begins at pos.
func (s *scanner) notObject() failure {
	switch rest := s.data[s.pos:]; {
	case len(rest) == 0:
		return failure{faultEmpty, s.pos}
	case bytes.HasPrefix(rest, []byte("\xEF\xBB\xBF")):
		return failure{faultBOM, s.pos}
	default:
		return failure{faultNotObject, s.pos}
	}
}
