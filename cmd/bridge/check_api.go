package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/preflight"
)

// checkPatience bounds the call to the import API: a person waits for it.
const checkPatience = 10 * time.Second

// checkAPI asks the import API for an upload URL, which uses the address and
// the key as the bridge would. Nothing is uploaded; the URL lapses unused.
func (w *wiring) checkAPI(ctx context.Context, namespace string) preflight.Finding {
	f := preflight.Finding{Check: "api " + w.cfg.API.BaseURL.Redacted()}
	if namespace == "" {
		f.OK, f.Detail = true, "not asked, so that neither address nor key are proven; -namespace NAME asks for an upload URL"
		return f
	}
	client := w.interactiveClient()
	defer client.Close()
	out := client.NewImport(namespace, nil, 0).Create(ctx, nil)
	if out.Class == importer.Stored {
		f.OK, f.Detail = true, fmt.Sprintf("takes the key and gives an upload URL for namespace %s by %s (request id %s); nothing was uploaded, so the store is not proven", namespace, client.Path(), out.RequestID)
		return f
	}
	f.Detail, f.Remedy = out.Err.Error(), apiRemedy(out)
	return f
}

// apiRemedy returns the remedy for a create call that gave no upload URL.
func apiRemedy(out importer.Outcome) string {
	switch {
	case out.Status == http.StatusForbidden:
		return "the API refuses the key for this namespace: check that SAFETYKIT_API_KEY (or its _FILE) is one that may import into it, and SAFETYKIT_BASE_URL"
	case out.Class == importer.Unauthorised:
		return "the API refuses the key: set SAFETYKIT_API_KEY (or its _FILE) to one that is valid at SAFETYKIT_BASE_URL and may import"
	case out.Class == importer.Missing:
		return "check that the namespace exists, and SAFETYKIT_BASE_URL and BRIDGE_IMPORT_PATH"
	case out.Class == importer.Refused:
		return "the API refuses this namespace: check its name with the owner of the account"
	case out.Status >= 300 && out.Status <= 399:
		return "the answer is a redirect, which is never followed, since the key would go with it: set SAFETYKIT_BASE_URL to where the API is"
	case out.Class == importer.Malformed:
		return "the answer is not what the import API documents: check SAFETYKIT_BASE_URL and BRIDGE_IMPORT_PATH, and what proxy stands between"
	case out.Throttled:
		return "the API throttles this key: try again later"
	case out.Status != 0:
		return "the API is not well: try again later"
	}
	return "check SAFETYKIT_BASE_URL, HTTPS_PROXY and NO_PROXY, firewalls, and BRIDGE_HTTP_CA_FILE if its certificate is private"
}
