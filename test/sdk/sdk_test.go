// Package sdk proves that the sandbox is the import API for the official Python
// SDK, and that the SDK finds what the bridge has imported. Tests only.
package sdk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/test/provision"
)

const sdkVersion = "0.11.0a1"

// python is an interpreter that can import the SDK.
func python(t *testing.T) string {
	t.Helper()
	dir := provision.Folder(t, "safetykit-"+sdkVersion, func(ctx context.Context, dir string) error {
		system, err := exec.LookPath("python3")
		if err != nil {
			return fmt.Errorf("%w: python3", provision.ErrMissing)
		}
		own := filepath.Join(dir, "bin", "python3")
		for _, step := range [][]string{
			{system, "-m", "venv", dir},
			{own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "safetykit==" + sdkVersion},
		} {
			if out, err := exec.CommandContext(ctx, step[0], step[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%v: %w: %s", step[1:], err, out)
			}
		}
		return nil
	})
	return filepath.Join(dir, "bin", "python3")
}

// TestPythonSDK_importsThroughTheSandbox creates an upload URL with the SDK,
// PUTs two lines, and polls until the import has succeeded.
func TestPythonSDK_importsThroughTheSandbox(t *testing.T) {
	interpreter := python(t)
	api, err := sandbox.New(sandbox.Options{Key: "sk_sdk", IngestDelay: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	server, store := httptest.NewServer(api.Handler()), httptest.NewServer(api.Store())
	defer server.Close()
	defer store.Close()
	api.SetStoreURL(store.URL)

	script := exec.CommandContext(t.Context(), interpreter, filepath.Join("testdata", "import.py"))
	script.Env = append(os.Environ(), "SAFETYKIT_API_KEY=sk_sdk", "SAFETYKIT_BASE_URL="+server.URL)
	var stderr bytes.Buffer
	script.Stderr = &stderr
	out, err := script.Output()
	if err != nil {
		t.Fatalf("import.py: %v\n%s", err, stderr.String())
	}
	var got struct {
		Seen    []string // the states, in order
		First   []any    // inline results before the PUT: an empty list, not null
		IDs     []string // of the inline results
		Count   int      // of results to download
		Lines   int      // downloaded
		Single  string   // status of the object that was added alone
		Refused string   // the SDK's error for a wrong key
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("parse %s: %v", out, err)
	}
	if len(got.Seen) < 2 || got.Seen[0] != "queued" || got.Seen[len(got.Seen)-1] != "succeeded" {
		t.Errorf("states %q, want queued to succeeded", got.Seen)
	}
	if got.First == nil || len(got.First) != 0 {
		t.Errorf("inline results before the PUT: %v, want an empty list", got.First)
	}
	if fmt.Sprint(got.IDs) != "[a b]" || got.Count != 2 || got.Lines != 2 {
		t.Errorf("results of %q, %d to download, %d downloaded; want a and b", got.IDs, got.Count, got.Lines)
	}
	if got.Single != "accepted" || got.Refused != "AuthenticationError" {
		t.Errorf("single object %q, wrong key %q", got.Single, got.Refused)
	}
	if wrong := api.Violations(); len(wrong) > 0 {
		t.Errorf("the SDK did what a correct client never does: %q", wrong)
	}
	if objects := api.Objects(); len(objects) != 2 || string(objects[0].Body) != `{"id": "a"}`+"\n"+`{"id": "b"}`+"\n" {
		t.Errorf("stored %+v", objects)
	}
}
