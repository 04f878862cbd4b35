package http1

import (
	"bufio"
	"errors"
	"io"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxHeaderBytes bounds an answer's header together with the answers of 1xx before it.
const maxHeaderBytes = 64 << 10

// An AnswerError says why an answer is none that this package reads. Its text holds
// nothing that the server has sent.
type AnswerError string

func (e AnswerError) Error() string { return string(e) }

const (
	errLongHeader = AnswerError("the answer's header is longer than 64 KiB")
	errMalformed  = AnswerError("the answer is not HTTP/1.1")
	errEncoding   = AnswerError("the answer's transfer encoding is not chunked")
	errLength     = AnswerError("the answer's Content-Length is not one number")
)

// folded is where a field's value goes on in the next line, which counts as a space
// (RFC 9112, section 5.2).
var folded = regexp.MustCompile(`[ \t]*\r?\n[ \t]+`)

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

// unframed is the length of a body that ends with its connection, or comes in chunks.
const unframed = -1

// An answer is what a header says.
type answer struct {
	status  int
	header  Header
	length  int64 // of the body in bytes, or unframed
	chunked bool  // the body comes in chunks
	last    bool  // the connection ends with this answer
}

// final reports whether no other answer follows to the same request.
func (a *answer) final() bool {
	return a.status >= 200 || a.status == http.StatusSwitchingProtocols
}

// parseAnswer reads a header without the empty line at its end (RFC 9112, sections 4 to 6).
func parseAnswer(block []byte) (answer, error) {
	line, fields, ok := strings.Cut(string(block), "\n")
	line = strings.TrimSuffix(line, "\r")
	if len(line) < 12 || !ok || !strings.HasPrefix(line, "HTTP/1.") || line[7] < '0' || line[7] > '9' || line[8] != ' ' {
		return answer{}, errMalformed
	}
	if len(line) > 12 && line[12] != ' ' {
		return answer{}, errMalformed
	}
	status, err := strconv.ParseUint(line[9:12], 10, 16)
	if err != nil || status < 100 {
		return answer{}, errMalformed
	}
	if strings.Contains(fields, "\n ") || strings.Contains(fields, "\n\t") {
		fields = folded.ReplaceAllLiteralString(fields, " ")
	}
	a := answer{status: int(status), header: Header(fields), length: unframed, last: line[7] == '0'}
	for len(fields) > 0 {
		line, fields, _ = strings.Cut(fields, "\n")
		if err := a.field(strings.TrimSuffix(line, "\r")); err != nil {
			return answer{}, err
		}
	}
	switch {
	case a.status < 200 || a.status == http.StatusNoContent || a.status == http.StatusNotModified:
		// No HTTP follows where the protocol is another one. Two lengths are of one who
		// may be confused.
		a.last = a.last || a.status == http.StatusSwitchingProtocols || a.chunked && a.length >= 0
		a.length, a.chunked = 0, false
	case a.chunked:
		a.last = a.last || a.length >= 0
		a.length = unframed
	default:
		a.last = a.last || a.length == unframed
	}
	return a, nil
}

// field takes what a line says about the connection and the body.
func (a *answer) field(line string) error {
	name, value, ok := strings.Cut(line, ":")
	// A name with spaces is nobody's that we ask for. Some put them there, and curl and
	// net/http pass over them.
	named := httpguts.ValidHeaderFieldName(strings.ReplaceAll(name, " ", "")) && name[0] != ' '
	if !ok || !named || !httpguts.ValidHeaderFieldValue(value) {
		return errMalformed
	}
	value = strings.Trim(value, " \t")
	switch {
	case strings.EqualFold(name, "Connection"):
		for token := range strings.SplitSeq(value, ",") {
			a.last = a.last || strings.EqualFold(strings.TrimSpace(token), "close")
		}
	case strings.EqualFold(name, "Transfer-Encoding"):
		if a.chunked || !strings.EqualFold(value, "chunked") {
			return errEncoding
		}
		a.chunked = true
	case strings.EqualFold(name, "Content-Length"):
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || a.length >= 0 && a.length != int64(n) {
			return errLength
		}
		a.length = int64(n)
	}
	return nil
}

// answer reads the answer's header, and what comes before it.
func (c *conn) answer() (answer, error) {
	for {
		a, err := c.one()
		if err != nil || a.final() {
			return a, err
		}
	}
}

// one reads one header. Behind that of an answer, the body has no bound.
func (c *conn) one() (answer, error) {
	if err := c.readBlock(); err != nil {
		return answer{}, err
	}
	a, err := parseAnswer(c.block)
	if a.final() {
		c.readable = math.MaxInt64
	}
	return a, err
}

// readBlock reads lines into block up to an empty one, which is left out.
func (c *conn) readBlock() error {
	c.block = c.block[:0]
	for begin := 0; ; {
		part, err := c.answers.ReadSlice('\n')
		c.block = append(c.block, part...)
		switch line := c.block[begin:]; {
		case errors.Is(err, bufio.ErrBufferFull): // the line goes on
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case string(line) == "\r\n", string(line) == "\n":
			c.block = c.block[:begin]
			return nil
		default:
			begin = len(c.block)
		}
	}
}
