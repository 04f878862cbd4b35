package decode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Registry asks a schema registry for schemas, by the part of Confluent's API that a
// consumer needs. Its fields do not change once it is in use; it is safe for
// concurrent use.
type Registry struct {
	// URL is the base of Confluent's API, with its path if it has one, and without a
	// slash behind it.
	URL string
	// Username and Password are sent by HTTP's basic authentication; an empty
	// Username sends none. Password is called for each request, so that a secret that
	// changes is followed.
	Username string
	Password func() string
	// Client sends the requests. It should time out, and follow no redirects.
	Client *http.Client
	// UserAgent is sent with each request.
	UserAgent string
}

var (
	// ErrNotFound says that the registry has no such schema.
	ErrNotFound = errors.New("the schema registry does not have it")
	// ErrRefused says that the registry refuses the credentials.
	ErrRefused = errors.New("the schema registry refuses the credentials (BRIDGE_SCHEMA_REGISTRY_USERNAME and _PASSWORD)")
	// errPath and errNoRegistry say that a 404 is about the place that was asked, and
	// nothing about schemas.
	errPath       = errors.New("the schema registry does not know the path (404): is BRIDGE_SCHEMA_REGISTRY_URL right?")
	errNoRegistry = errors.New("what answers 404 is no schema registry: is BRIDGE_SCHEMA_REGISTRY_URL right?")
	// errOversized says that a schema is too large to be kept.
	errOversized = errors.New("the schema is larger than 4 MiB with its references")
)

// retryAfter is an answer that asks for patience.
type retryAfter struct {
	status int
	delay  time.Duration
}

func (e *retryAfter) Error() string {
	return "the schema registry answers " + strconv.Itoa(e.status)
}

const (
	maxSchemaBytes = 4 << 20
	maxAnswerBytes = 2 * maxSchemaBytes
	maxReferences  = 500
)

// load asks for a schema and all that it refers to, and compiles it.
func (r *Registry) load(ctx context.Context, ref Ref) (*schema, error) {
	d, err := r.document(ctx, ref.path())
	used := collector{registry: r, known: map[reference]bool{}, byName: map[string]string{}, size: len(d.Schema)}
	if err == nil && d.kind() != typeJSON { // which is not looked into
		err = used.collect(ctx, d.References)
	}
	switch {
	case errors.Is(err, errOversized):
		return &schema{fault: err}, nil
	case err != nil:
		return nil, err
	}
	return compile(ctx, &d, &used), nil
}

// typesPath is of a call that names no schema. Confluent's registry has it since 5.5.
const typesPath = "/schemas/types"

// document asks for a schema. Some registries answer for one that they do not have as
// for a path that they do not know; then another path shows whether it is the schema.
func (r *Registry) document(ctx context.Context, path string) (d document, err error) {
	err = r.get(ctx, path, &d)
	if errors.Is(err, errPath) && r.get(ctx, typesPath, new(any)) == nil {
		err = ErrNotFound
	}
	return d, err
}

// collector asks for the schemas that another one uses, directly or not.
type collector struct {
	registry *Registry
	known    map[reference]bool
	texts    []string          // each one before those that use it
	byName   map[string]string // the same texts
	size     int               // of all texts in bytes, that of the schema included
}

func (c *collector) collect(ctx context.Context, references []reference) error {
	for _, ref := range references {
		if c.known[ref] {
			continue
		}
		c.known[ref] = true
		if len(c.known) > maxReferences {
			return errOversized
		}
		// A version that was deleted is there for what was written by it, as a schema is by its id.
		d, err := c.registry.document(ctx, "/subjects/"+url.PathEscape(ref.Subject)+"/versions/"+strconv.Itoa(ref.Version)+"?deleted=true")
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("it refers to %.200s %d: %w", ref.Subject, ref.Version, err)
		}
		if err != nil {
			return err
		}
		if c.size += len(d.Schema); c.size > maxSchemaBytes {
			return errOversized
		}
		if err := c.collect(ctx, d.References); err != nil {
			return err
		}
		c.texts, c.byName[ref.Name] = append(c.texts, d.Schema), d.Schema
	}
	return nil
}

// get asks for a path and parses the answer. Its errors hold neither credentials nor
// what the registry wrote.
func (r *Registry) get(ctx context.Context, path string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+path, http.NoBody)
	if err != nil {
		return errors.New("BRIDGE_SCHEMA_REGISTRY_URL cannot be asked")
	}
	request.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json")
	request.Header.Set("User-Agent", r.UserAgent)
	if r.Username != "" {
		request.SetBasicAuth(r.Username, r.Password())
	}
	response, err := r.Client.Do(request)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return fmt.Errorf("the schema registry cannot be asked: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes+1))
	if err != nil {
		return fmt.Errorf("read the schema registry's answer: %w", err)
	}
	switch status := response.StatusCode; status {
	case http.StatusOK:
		if len(body) > maxAnswerBytes {
			return errOversized
		}
	case http.StatusNotFound:
		return whatIsMissing(body)
	case http.StatusUnauthorized, http.StatusForbidden:
		return ErrRefused
	default:
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return &retryAfter{status, time.Duration(min(max(seconds, 0), 3600)) * time.Second}
	}
	err = json.Unmarshal(body, answer)
	if d, ok := answer.(*document); err != nil || ok && d.Schema == "" {
		return errors.New("the schema registry's answer is not the JSON that was asked for: is BRIDGE_SCHEMA_REGISTRY_URL right?")
	}
	return nil
}

// whatIsMissing returns the error for the body of a 404. A registry has codes of its own
// for a subject, version or schema that it does not have: 40401 to 40403.
func whatIsMissing(body []byte) error {
	var answer struct {
		Code int `json:"error_code"`
	}
	switch err := json.Unmarshal(body, &answer); {
	case err != nil || answer.Code == 0:
		return errNoRegistry
	case answer.Code == http.StatusNotFound:
		return errPath
	}
	return ErrNotFound
}
