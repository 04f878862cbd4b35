package e2e

import (
	"net/http"
	"testing"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

// What the API and the store do wrong for a while costs neither a line nor a
// repeat: an upload whose fate is unknown is repeated under its own URL.
func TestImportFaults_loseAndRepeatNothing(t *testing.T) {
	const often = 6 // requests: a share of them could spare all
	for name, faults := range map[string][]sandbox.Fault{
		"both sides answer 503": {
			{Operation: sandbox.OperationCreate, Status: http.StatusServiceUnavailable, Times: often},
			{Operation: sandbox.OperationUpload, Status: http.StatusServiceUnavailable, Times: often},
		},
		"both sides answer what proxies do": {
			{Operation: sandbox.OperationCreate, Status: http.StatusBadGateway, Times: often},
			{Operation: sandbox.OperationUpload, Status: http.StatusInternalServerError, Times: often},
			{Operation: sandbox.OperationUpload, Status: http.StatusGatewayTimeout, Times: often},
		},
		"the API answers 409 or asks for another try": {
			{Operation: sandbox.OperationCreate, Status: http.StatusConflict, Times: often},
			{Operation: sandbox.OperationCreate, Status: http.StatusUnprocessableEntity, Header: map[string]string{"X-Should-Retry": "true"}, Times: often},
		},
		"connections are reset": {
			{Operation: sandbox.OperationUpload, Reset: sandbox.ResetBefore, Times: often},
			{Operation: sandbox.OperationUpload, Reset: sandbox.ResetMid, Times: often},
			{Operation: sandbox.OperationUpload, Reset: sandbox.ResetAfter, Times: often},
		},
		"URLs have expired":             {{Operation: sandbox.OperationCreate, Expired: true, Times: often}},
		"URLs are refused by resets":    {{Operation: sandbox.OperationCreate, Doomed: true, Times: often}},
		"URLs point to where nobody is": {{Operation: sandbox.OperationCreate, UploadURL: "https://127.0.0.1:1/x", Times: 2}},
		"429 asks for patience": {
			{Operation: sandbox.OperationCreate, Status: http.StatusTooManyRequests, RetryAfter: time.Second, Times: 5},
		},
		"answers are no JSON":                    {{Operation: sandbox.OperationCreate, Garbage: true, Times: often}},
		"the API forbids everything for a while": {{Operation: sandbox.OperationCreate, Status: http.StatusForbidden, Times: often}},
		"the API refuses its key twice":          {{Operation: sandbox.OperationCreate, Status: http.StatusUnauthorized, Times: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			var used []func() int
			for _, f := range faults {
				used = append(used, w.api.Inject(f))
			}
			b := w.start()
			w.produce(load{records: 4000, namespaces: 10})
			w.settle(b)
			for i, count := range used {
				if count() == 0 {
					t.Errorf("fault %d never hit", i)
				}
			}
			w.judge()
		})
	}
}
