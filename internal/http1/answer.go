package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
)

const (
	maxHeaderBytes = 64 << 10 // of an answer
	maxInterim     = 5        // answers of 1xx before the answer
)

var (
	errLongHeader  = errors.New("the answer's header is too long")
	errManyInterim = errors.New("too many answers of 1xx")
	errMalformed   = errors.New("the answer is not HTTP/1.1")
)

// A Header is the lines of an answer's header, as they came.
type Header string

// Get returns the value of the first line with that name, whose case does not matter,
// "" if there is none.
func (h Header) Get(name string) string {
	for line := range strings.SplitSeq(string(h), "\n") {
		if n, value, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.Trim(value, " \t\r")
		}
	}
	return ""
}

// unframed is the length of a body that ends with its connection, chunked that of one
// in chunks.
const (
	unframed = -1
	chunked  = -2
)

// An answer is what a header says.
type answer struct {
	status int
	header Header
	length int64 // of the body in bytes, or one of the constants above
	last   bool  // the connection ends with this answer
}

// parseAnswer reads a header without the empty line at its end (RFC 9112, sections 4 to 6).
func parseAnswer(block []byte) (answer, error) {
	line, fields, ok := bytes.Cut(block, []byte("\n"))
	if len(line) < 12 || !ok || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return answer{}, errMalformed
	}
	if rest := bytes.TrimRight(line[12:], "\r"); len(rest) > 0 && rest[0] != ' ' {
		return answer{}, errMalformed
	}
	status, err := strconv.ParseUint(string(line[9:12]), 10, 16)
	if err != nil || status < 100 {
		return answer{}, errMalformed
	}
	a := answer{status: int(status), header: Header(fields), length: unframed, last: line[7] == '0'}
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\n"))
		if err := a.field(line); err != nil {
			return answer{}, err
		}
	}
	if a.status < 200 || a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		a.length = 0
	}
	a.last = a.last || a.length == unframed
	return a, nil
}

// field takes what a line says about the connection and the body.
func (a *answer) field(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errMalformed // a continued line, too, which nobody may send any more
	}
	is := func(known string) bool { return len(name) == len(known) && strings.EqualFold(string(name), known) }
	value = bytes.Trim(value, " \t\r")
	switch {
	case is("Connection"):
		for token := range bytes.SplitSeq(value, []byte(",")) {
			a.last = a.last || bytes.EqualFold(bytes.TrimSpace(token), []byte("close"))
		}
	case is("Transfer-Encoding"):
		if !bytes.EqualFold(value, []byte("chunked")) || a.length == chunked {
			return fmt.Errorf("the answer's transfer encoding is not chunked")
		}
		a.last = a.last || a.length >= 0 // two lengths: whoever sent it may be confused
		a.length = chunked
	case is("Content-Length"):
		n, err := strconv.ParseUint(string(value), 10, 63)
		if err != nil || a.length >= 0 && a.length != int64(n) {
			return errors.New("the answer's length is not a number")
		}
		if a.length == chunked {
			a.last = true
			return nil
		}
		a.length = int64(n)
	}
	return nil
}

// answer reads the answer's header, and what comes before it.
func (c *conn) answer() (answer, error) {
	for range maxInterim {
		a, err := c.one()
		if err != nil || a.status >= 200 || a.status == http.StatusSwitchingProtocols {
			return a, err
		}
	}
	return answer{}, errManyInterim
}

// one reads one header.
func (c *conn) one() (answer, error) {
	c.readable = maxHeaderBytes
	if err := c.readBlock(); err != nil {
		return answer{}, err
	}
	c.readable = math.MaxInt64
	return parseAnswer(c.block)
}

// readBlock reads lines into block up to an empty one, which is left out.
func (c *conn) readBlock() error {
	c.block = c.block[:0]
	for begin := 0; ; begin = len(c.block) {
		for {
			part, err := c.answers.ReadSlice('\n')
			c.block = append(c.block, part...)
			if err == nil {
				break
			}
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return err
			}
		}
		if len(bytes.TrimRight(c.block[begin:], "\r\n")) == 0 {
			c.block = c.block[:begin]
			return nil
		}
	}
}
