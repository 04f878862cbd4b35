package main

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
	"time"
)

// count is what a namespace holds. Two counts are equal when the same lines
// are in them, in whatever order: sum adds the checksums of all lines.
type count struct {
	lines, bytes int64 // bytes include newlines
	sum          uint64
}

func (c count) plus(d count) count {
	return count{c.lines + d.lines, c.bytes + d.bytes, c.sum + d.sum}
}

// tally is lines by namespace.
type tally struct {
	namespaces map[string]count
	total      count
}

func newTally() *tally { return &tally{namespaces: map[string]count{}} }

func (t *tally) add(namespace string, c count) {
	t.namespaces[namespace] = t.namespaces[namespace].plus(c)
	t.total = t.total.plus(c)
}

// addLine counts a line, given without its newline.
func (t *tally) addLine(namespace string, line []byte) {
	t.add(namespace, count{1, int64(len(line)) + 1, checksum(line)})
}

// verdict is how what a store holds differs from what was produced, in lines.
type verdict struct {
	missing, repeated int64
	altered           []string // namespaces with the right number of wrong lines
}

// compare looks at each namespace on its own, so that a line which is missing
// in one does not make up for a repeat in another.
func (t *tally) compare(stored *tally) verdict {
	var v verdict
	for name, want := range t.namespaces {
		got := stored.namespaces[name]
		switch {
		case got.lines < want.lines:
			v.missing += want.lines - got.lines
		case got.lines > want.lines:
			v.repeated += got.lines - want.lines
		case got != want:
			v.altered = append(v.altered, name)
		}
	}
	for name, got := range stored.namespaces {
		if _, known := t.namespaces[name]; !known {
			v.repeated += got.lines
			v.altered = append(v.altered, name)
		}
	}
	slices.Sort(v.altered)
	return v
}

// err is nil if each line is there, once.
func (v verdict) err() error {
	var wrong []string
	if v.missing > 0 {
		wrong = append(wrong, fmt.Sprintf("%d lines are missing", v.missing))
	}
	if v.repeated > 0 {
		wrong = append(wrong, fmt.Sprintf("%d lines are too many", v.repeated))
	}
	if n := len(v.altered); n > 0 {
		wrong = append(wrong, fmt.Sprintf("%d namespaces hold other lines than were produced: %s", n, strings.Join(v.altered[:min(3, n)], ", ")))
	}
	if wrong == nil {
		return nil
	}
	return fmt.Errorf("stored is not what was produced: %s", strings.Join(wrong, "; "))
}

// checksumTable has an instruction of its own on most processors.
var checksumTable = crc32.MakeTable(crc32.Castagnoli)

func checksum(line []byte) uint64 { return uint64(crc32.Checksum(line, checksumTable)) }

// scanner counts the lines of one body, given in pieces.
type scanner struct {
	count
	timed   bool    // collect the timestamps of the lines
	times   []int64 // microseconds since 1970
	head    []byte  // the first bytes of the line that has begun
	crc     uint32
	started bool // whether a line has begun
}

func (s *scanner) write(piece []byte) {
	s.bytes += int64(len(piece))
	for len(piece) > 0 {
		end := bytes.IndexByte(piece, '\n')
		if end < 0 {
			s.part(piece)
			return
		}
		s.part(piece[:end])
		s.endLine()
		piece = piece[end+1:]
	}
}

func (s *scanner) part(piece []byte) {
	s.started = true
	s.crc = crc32.Update(s.crc, checksumTable, piece)
	if room := len(timePrefix) + timeDigits - len(s.head); s.timed && room > 0 {
		s.head = append(s.head, piece[:min(room, len(piece))]...)
	}
}

func (s *scanner) endLine() {
	s.lines++
	s.sum += uint64(s.crc)
	if s.timed {
		if at, ok := lineTime(s.head); ok {
			s.times = append(s.times, at)
		}
		s.head = s.head[:0]
	}
	s.crc, s.started = 0, false
}

// close counts a last line without a newline, as it would count with one, and
// says whether there was one. Peers may separate lines instead of ending them.
func (s *scanner) close() (unended bool) {
	if !s.started {
		return false
	}
	s.endLine()
	s.bytes++
	return true
}

const (
	timePrefix = `{"at":` // what each record begins with
	timeDigits = 16       // microseconds until the year 2286
)

// lineTime is the timestamp at the beginning of a line.
func lineTime(head []byte) (microseconds int64, ok bool) {
	digits, ok := bytes.CutPrefix(head, []byte(timePrefix))
	if !ok || len(digits) < timeDigits {
		return 0, false
	}
	at, err := strconv.ParseInt(string(digits[:timeDigits]), 10, 64)
	return at, err == nil
}

// delays are how long lines with these timestamps took until now; those from
// before the start of the measurement are left out.
func delays(times []int64, from, now time.Time) []time.Duration {
	var all []time.Duration
	for _, at := range times {
		if at >= from.UnixMicro() {
			all = append(all, now.Sub(time.UnixMicro(at)))
		}
	}
	return all
}
