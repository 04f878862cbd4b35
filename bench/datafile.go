package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// sample data is read from a file once and repeated as often as a topic needs.
type recordFile struct {
	records []recordLine
	bytes   int64 // of all lines, with timestamps
	buf     []byte
}

type recordLine struct {
	rest      []byte // what follows the opening brace
	namespace string
}

// maxLine is the longest line of a file of records, in bytes.
const maxLine = 16 << 20

// readRecords reads JSON objects, one a line, each with a non-empty string at
// the field (a dotted path) that names its namespace.
func readRecords(name, field string) (*recordFile, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open records: %w", err)
	}
	defer file.Close()
	f := &recordFile{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if err := f.add(lines.Bytes(), field); err != nil {
			return nil, fmt.Errorf("read records: line %d of %s: %w", n, name, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	if len(f.records) == 0 {
		return nil, fmt.Errorf("read records: %s is empty", name)
	}
	return f, nil
}

func (f *recordFile) add(line []byte, field string) error {
	line = bytes.TrimSpace(line)
	namespace, err := namespaceOf(line, field)
	if err != nil {
		return err
	}
	rest := append([]byte{','}, bytes.TrimSpace(line[1:])...)
	f.records = append(f.records, recordLine{rest, namespace})
	f.bytes += int64(len(timePrefix) + timeDigits + len(rest))
	return nil
}

func namespaceOf(line []byte, field string) (string, error) {
	var value any
	if err := json.Unmarshal(line, &value); err != nil {
		return "", err
	}
	for name := range strings.SplitSeq(field, ".") {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	namespace, _ := value.(string)
	if namespace == "" {
		return "", fmt.Errorf("no string at %q, see -field", field)
	}
	return namespace, nil
}

// mean is the mean size of a record in bytes.
func (f *recordFile) mean() int { return max(1, int(f.bytes)/len(f.records)) }

// next implements source.
func (f *recordFile) next(n int, at int64) (record []byte, namespace string) {
	line := f.records[n%len(f.records)]
	f.buf = append(appendTime(f.buf[:0], at), line.rest...)
	return f.buf, line.namespace
}

// newSource is a generator, or the file if there is one.
func (o *options) newSource(s shape) source {
	switch {
	case s.avro:
		return newAvroSource(s)
	case o.data != nil:
		return &recordFile{records: o.data.records}
	}
	return newGenerator(s)
}
