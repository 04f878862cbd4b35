package ledger

import (
	"cmp"
	"errors"
	"strconv"
	"strings"
)

// MaxMetadata is the number of characters of commit metadata that a broker
// accepts for one partition by default (offset.metadata.max.bytes).
const MaxMetadata = 4096

// version begins every metadata text that is written. An unknown one is ignored: repeats
// are possible then, loss is not.
const version = "kib3"

// fields is how many fields the texts of each version have that is read. The first one
// lacks the last field, for what is done ahead.
var fields = map[string]int{"kib1": 8, "kib2": 9, version: 9}

// Metadata is the text that is written beside a committed offset. Its texts, and the
// namespaces, hold none of the characters ; , and : that separate them.
type Metadata struct {
	TopicID     string // of the topic that the offset belongs to
	Committed   int64  // the offset it was written beside: a copy elsewhere shows
	Fingerprint string // of the settings that decide namespaces and ids
	// Born is the generation in which the partition's start was resolved
	// without a committed offset, 0 after the first ordinary commit.
	Born     int32
	Frontier Frontier
}

// ErrMetadata is returned for text that Encode did not write, or that a later
// version of it did.
var ErrMetadata = errors.New("commit metadata is not ours")

// Decode reads the text that Encode wrote.
func Decode(text string) (Metadata, error) {
	f := strings.Split(text, ";")
	if len(f) != fields[f[0]] {
		return Metadata{}, ErrMetadata
	}
	m := Metadata{TopicID: f[1], Fingerprint: f[3], Frontier: Frontier{Except: map[string]int64{}}}
	committed, err1 := strconv.ParseInt(f[2], 10, 64)
	born, err2 := strconv.ParseInt(f[4], 36, 32)
	below, err3 := offset36(committed, f[5])
	if err := cmp.Or(err1, err2, err3); err != nil || committed < 0 {
		return Metadata{}, ErrMetadata
	}
	m.Committed, m.Born, m.Frontier.Below = committed, int32(born), below
	for item := range splitNonEmpty(f[6]) {
		ns, text, ok := strings.Cut(item, ":")
		first, err := offset36(committed, text)
		_, twice := m.Frontier.Except[ns]
		if !ok || ns == "" || twice || err != nil {
			return Metadata{}, ErrMetadata
		}
		m.Frontier.Except[ns] = first
	}
	var err error
	if m.Frontier.Whole, err = decodeWhole(f[7], committed); err != nil {
		return Metadata{}, err
	}
	if len(f) > 8 {
		if m.Frontier.Ahead, err = decodeAhead(f[8], m.Frontier.Except); err != nil {
			return Metadata{}, err
		}
	}
	return m, nil
}

// decodeWhole reads what encoder.whole wrote.
func decodeWhole(text string, last int64) (whole []Span, err error) {
	for item := range splitNonEmpty(text) {
		from, length, isRange := strings.Cut(item, ".")
		first, err := offset36(last, from)
		if err != nil || first == last && len(whole) > 0 {
			return nil, ErrMetadata
		}
		if last = first; isRange {
			if last, err = offset36(first, length); err != nil || last == first {
				return nil, ErrMetadata
			}
		}
		whole = append(whole, Span{first, last})
	}
	return whole, nil
}

// decodeAhead reads what encoder.spans wrote.
func decodeAhead(text string, except map[string]int64) (map[string][]Span, error) {
	if text == "" {
		return nil, nil
	}
	ahead := map[string][]Span{}
	for item := range strings.SplitSeq(text, ",") {
		ns, text, _ := strings.Cut(item, ":")
		last, ok := except[ns]
		if !ok || ahead[ns] != nil {
			return nil, ErrMetadata
		}
		numbers := strings.Split(text, ".")
		if len(numbers)%2 != 0 {
			return nil, ErrMetadata
		}
		for i := 0; i < len(numbers); i += 2 {
			first, err1 := offset36(last, numbers[i])
			end, err2 := offset36(first, numbers[i+1])
			if cmp.Or(err1, err2) != nil || first == last {
				return nil, ErrMetadata
			}
			ahead[ns] = append(ahead[ns], Span{first, end})
			last = end
		}
	}
	return ahead, nil
}

// offset36 reads an offset written as a base-36 distance from base.
func offset36(base int64, text string) (int64, error) {
	d, err := strconv.ParseInt(text, 36, 64)
	if err != nil {
		return 0, err
	}
	if d < 0 || base+d < base {
		return 0, ErrMetadata
	}
	return base + d, nil
}

func splitNonEmpty(s string) func(func(string) bool) {
	if s == "" {
		return func(func(string) bool) {}
	}
	return strings.SplitSeq(s, ",")
}
