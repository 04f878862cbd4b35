package sim

import (
	"math/rand/v2"
	"net/http"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

// apiBadAnswer draws answers that are not what the API and the store document:
// they are tried again later, and nothing is sent where they point.
func (s *schedule) apiBadAnswer(rnd *rand.Rand, at time.Duration) {
	create, upload := sandbox.OperationCreate, sandbox.OperationUpload
	s.api(rnd, at, pick(rnd,
		sandbox.Fault{Operation: create, UploadURL: "ftp://127.0.0.1/object"},
		sandbox.Fault{Operation: create, UploadURL: "/relative"},
		sandbox.Fault{Operation: create, UploadURL: "http://user:word@127.0.0.1/object"},
		sandbox.Fault{Operation: create, UploadURL: "http://store.example/object"},
		sandbox.Fault{Operation: create, Body: `{"requestId":"r"}`},
		sandbox.Fault{Operation: create, Redirect: "http://127.0.0.1/elsewhere"},
		sandbox.Fault{Operation: upload, Redirect: "http://127.0.0.1/elsewhere"},
		sandbox.Fault{Operation: upload, Redirect: "http://127.0.0.1/elsewhere", Status: http.StatusMovedPermanently},
		sandbox.Fault{Operation: create, Drip: true},
		sandbox.Fault{Operation: create, Endless: true},
		sandbox.Fault{Operation: upload, Status: http.StatusServiceUnavailable, Endless: true},
		sandbox.Fault{Operation: upload, Status: http.StatusServiceUnavailable, Early: true},
		sandbox.Fault{Operation: upload, Status: http.StatusForbidden},
		sandbox.Fault{Operation: upload, Status: http.StatusServiceUnavailable, Header: map[string]string{"Retry-After": "-7"}},
		sandbox.Fault{Operation: create, Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "soon"}},
	))
}
