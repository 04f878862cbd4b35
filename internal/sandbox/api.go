package sandbox

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultURLLife is how long an upload URL is valid, as the import API documents it.
const DefaultURLLife = 12 * time.Hour

// maxRequestBytes bounds the body of a JSON call; uploads have their own bound.
const maxRequestBytes = 4 << 20

var namespacePattern = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Options shape an API. The zero value accepts any key and keeps objects in memory.
type Options struct {
	// Key is the Bearer key that is accepted. Empty accepts any that is not empty.
	Key string
	// Dir receives each object as <Dir>/<namespace>/<request id>.jsonl, written
	// under another name first, so that a file is always complete. Empty keeps
	// objects in memory.
	Dir string
	// Keep holds the bodies in memory although Dir is set.
	Keep bool
	// Discard forgets bodies and ids once OnStored has seen them.
	Discard bool
	// StoreURL is where clients reach Store, such as http://127.0.0.1:9001.
	// Empty makes Handler serve the store too, under /store/.
	StoreURL string
	// URLLife is how long an upload URL is valid.
	//
	// Default: 12h
	URLLife time.Duration
	// IngestDelay is how long a stored object reads "ingesting" before it
	// becomes "succeeded", or "failed" where a line of it is no object with an
	// id, or where a Fault says so.
	IngestDelay time.Duration
	// SkipLineChecks takes objects without parsing their lines; Object.IDs is
	// nil then. For benchmarks.
	SkipLineChecks bool
	// OnStored is called once per upload URL, when its first object is complete
	// and before the 2xx answer is written. Calls for different URLs may overlap.
	OnStored func(Object)
	// Seed makes Fault.Probability repeatable.
	//
	// Default: a random one
	Seed uint64
	// Now is the clock.
	//
	// Default: time.Now
	Now func() time.Time
}

// API is the import API and its object store.
type API struct {
	opts   Options
	signer signer

	mu       sync.Mutex // guards everything below
	keys     []string
	sequence int
	prefix   string             // of request ids: unique to this API
	uploads  map[string]*upload // by request id
	objects  []*upload          // those stored, in the order of their first completion
	history  history
	faults   []*injected
	chance   *mathrand.Rand // decides Fault.Probability
	rules    violations
}

// upload is the life of one request id: a signed URL, then perhaps an object.
type upload struct {
	namespace string
	id        string
	uploading int  // PUTs on the wire
	doomed    bool // every PUT is reset
	stored    bool
	sum       [32]byte
	ingest    ingest // what becomes of the object
	object    Object
}

// Object is one completed upload.
type Object struct {
	Namespace string
	RequestID string
	// Body holds the bytes as received, and is shared: do not change it. Nil
	// when they went to Options.Dir or were discarded.
	Body []byte
	// IDs are the ids of the lines, in order.
	IDs   []string
	Bytes int64
	Lines int
	// At is when the first PUT was complete.
	At time.Time
	// Overwrites counts further complete PUTs to the same URL that were taken.
	// Only the last body remains, as in S3; the API may evaluate each.
	Overwrites int
}

// Evaluations is how many bodies were taken, overwrites included.
func (o Object) Evaluations() int { return 1 + o.Overwrites }

// New prepares an API, and Options.Dir if it is set.
func New(opts Options) (*API, error) {
	if opts.URLLife == 0 {
		opts.URLLife = DefaultURLLife
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.StoreURL = strings.TrimSuffix(opts.StoreURL, "/")
	if opts.Dir != "" {
		if err := os.MkdirAll(opts.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("make objects folder: %w", err)
		}
	}
	if opts.Seed == 0 {
		opts.Seed = mathrand.Uint64()
	}
	a := &API{
		opts: opts, signer: newSigner(), prefix: randomHex(6), uploads: map[string]*upload{},
		chance: mathrand.New(mathrand.NewPCG(opts.Seed, 0)),
	}
	a.SetKeys(opts.Key)
	return a, nil
}

// SetKeys makes these the only accepted keys. An empty one accepts any.
func (a *API) SetKeys(keys ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keys = slices.Clone(keys)
}

// SetStoreURL changes where later upload URLs point. It is for listeners whose
// address is known only after New.
func (a *API) SetStoreURL(base string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.opts.StoreURL = strings.TrimSuffix(base, "/")
}

// Handler serves the import API, and the store below /store/.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/data/{namespace}/import", a.create)
	mux.HandleFunc("POST /v1/data/{namespace}/requests/upload-url", a.create)
	mux.HandleFunc("POST /v1/data/{namespace}", a.addObject)
	mux.HandleFunc("GET /v1/data/{namespace}/requests/{id}", a.requestStatus)
	mux.HandleFunc("GET /v1/data/{namespace}/requests/{id}/results/download-url", a.downloadURL)
	mux.Handle("/store/", a.Store())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.violate("path", "%s %s is no call of the import API", r.Method, r.URL.Path)
		writeError(w, http.StatusNotFound, "not found")
	})
	return mux
}

// create hands out an upload URL.
func (a *API) create(w http.ResponseWriter, r *http.Request) {
	namespace := r.PathValue("namespace")
	call, fault := a.arrive(Request{Operation: OperationCreate, Namespace: namespace, Path: path.Base(r.URL.Path)})
	defer a.leave(call)
	w = call.watch(w)
	if fault.interrupt(w, r) {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBytes))
	if err != nil {
		return
	}
	if text := strings.TrimSpace(string(body)); text != "" && !json.Valid(body) {
		a.violate("create-body", "the body of a create call is not JSON: %.80q", text)
		writeError(w, http.StatusBadRequest, "body is not JSON")
		return
	}
	if !a.admit(w, r, namespace) || fault.replace(w, r) {
		return
	}
	u, link, expires := a.open(namespace, a.storeBase(r), fault)
	call.named(u.id)
	if fault.lost() {
		reset(w, r, 0)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"expires_at": expires.UTC().Format(time.RFC3339),
		"objectKey":  objectKey(namespace, u.id),
		"requestId":  u.id,
		"status":     "pending_upload",
		"upload_url": link,
	})
}

// open starts a request id and signs its URL.
func (a *API) open(namespace, base string, fault *effect) (u *upload, link string, expires time.Time) {
	a.mu.Lock()
	a.sequence++
	u = &upload{namespace: namespace, id: fmt.Sprintf("req_%s%08x", a.prefix, a.sequence), doomed: fault.doomed()}
	a.uploads[u.id] = u
	a.mu.Unlock()
	signed := a.opts.Now()
	if fault.expired() {
		signed = signed.Add(-a.opts.URLLife - time.Minute)
	}
	link = a.signer.presign(http.MethodPut, base+"/"+objectKey(namespace, u.id), contentType, signed, a.opts.URLLife)
	if forged := fault.uploadURL(); forged != "" {
		link = forged
	}
	return u, link, signed.Add(a.opts.URLLife)
}

// admit answers and returns false unless key and namespace are acceptable.
func (a *API) admit(w http.ResponseWriter, r *http.Request, namespace string) bool {
	if !a.authorised(r) {
		writeError(w, http.StatusUnauthorized, "invalid API key")
		return false
	}
	if !namespacePattern.MatchString(namespace) {
		a.violate("namespace", "namespace %.80q reached the API", namespace)
		writeError(w, http.StatusBadRequest, "namespace may hold letters, digits, _ and - only")
		return false
	}
	return true
}

func (a *API) authorised(r *http.Request) bool {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	a.mu.Lock()
	defer a.mu.Unlock()
	return ok && key != "" && (slices.Contains(a.keys, key) || slices.Contains(a.keys, ""))
}

// storeBase is the URL below which objects of this request's client lie.
func (a *API) storeBase(r *http.Request) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.opts.StoreURL != "" {
		return a.opts.StoreURL
	}
	own := url.URL{Scheme: "http", Host: r.Host, Path: "/store"}
	if r.TLS != nil {
		own.Scheme = "https"
	}
	return own.String()
}

func objectKey(namespace, id string) string { return "uploads/" + namespace + "/" + id + ".jsonl" }

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone: nothing to do
}

func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
