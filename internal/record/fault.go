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

func (f fault) String() string {
	switch f {
	case faultNone:
		return "no fault"
	case faultEmpty:
		return "the value holds nothing"
	case faultBOM:
		return "the value begins with a byte order mark"
	case faultNotObject:
		return "the value is not a JSON object"
	case faultUnexpected:
		return "a byte that JSON does not allow here"
	case faultEnd:
		return "the value ends too early"
	case faultEscape:
		return "an invalid escape in a string"
	case faultControl:
		return "a raw control character in a string"
	case faultUTF8:
		return "invalid UTF-8 in a string"
	case faultDepth:
		return "nested deeper than " + strconv.Itoa(MaxDepth) + " levels"
	case faultTrailing:
		return "something follows the JSON object"
	case faultMember:
		return "what BRIDGE_VALUE names is not a JSON object"
	default:
		return "unknown"
	}
}

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
func (s *scanner) unexpected() bool {
	if s.pos == len(s.data) {
		return s.fail(faultEnd, s.pos)
	}
	return s.fail(faultUnexpected, s.pos)
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
