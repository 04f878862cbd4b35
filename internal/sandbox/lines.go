package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

var newline = []byte{'\n'}

// ParseLines reads a JSONL body as the import API does: each line is ended by a
// newline and is one JSON object with a non-empty string id. It returns the ids
// in order, and the first fault; the lines with a fault give no id.
func ParseLines(body []byte) (ids []string, fault error) {
	note := func(err error) {
		if fault == nil {
			fault = err
		}
	}
	if len(body) == 0 {
		note(errors.New("the object is empty"))
	}
	if !utf8.Valid(body) {
		note(errors.New("the object is not UTF-8"))
	}
	ids = make([]string, 0, countLines(body))
	for number := 1; len(body) > 0; number++ {
		line, rest, ended := bytes.Cut(body, newline)
		if !ended {
			note(fmt.Errorf("line %d is not ended by a newline", number))
		}
		id, err := lineID(line)
		if err != nil {
			note(fmt.Errorf("line %d: %w", number, err))
		} else {
			ids = append(ids, id)
		}
		body = rest
	}
	return ids, fault
}

func lineID(line []byte) (string, error) {
	bare := bytes.Trim(line, " \t")
	if len(bare) == 0 || bare[0] != '{' || bare[len(bare)-1] != '}' {
		return "", errors.New("is not one object")
	}
	var object struct {
		ID *string `json:"id"`
	}
	if err := json.Unmarshal(line, &object); err != nil {
		return "", fmt.Errorf("parse object: %w", err)
	}
	if object.ID == nil || *object.ID == "" {
		return "", errors.New("has no string id")
	}
	return *object.ID, nil
}

func countLines(body []byte) int { return bytes.Count(body, newline) }

// oneLine makes a line of a JSON object that may span several.
func oneLine(object []byte) ([]byte, error) {
	var line bytes.Buffer
	if err := json.Compact(&line, object); err != nil {
		return nil, errors.New("is missing")
	}
	if _, err := lineID(line.Bytes()); err != nil {
		return nil, err
	}
	line.Write(newline)
	return line.Bytes(), nil
}
