package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// A refused API key stops all imports and loses nothing. The rotated key is
// read from its file without a restart.
func TestCredentials_keyFileIsRotated(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	file := filepath.Join(t.TempDir(), "key")
	write := func(key string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(secretKey)
	w.env["SAFETYKIT_API_KEY"], w.env["SAFETYKIT_API_KEY_FILE"] = "", file
	b := w.start()
	w.produce(load{records: 500})
	w.waitStored()
	const rotated = secretKey + "-rotated"
	w.api.SetKeys(rotated)
	w.produce(load{records: 500})
	w.eventually("the refusal is told", func() bool {
		return b.metric("credentials_refused", `target="api"`) == 1 && b.says("the import API refuses the credentials")
	})
	if got := w.truth.Lines(); got != 500 {
		t.Errorf("%d lines are stored while the key is refused, want 500", got)
	}
	write(rotated)
	w.waitStored()
	w.waitCommitted(w.topic)
	if got := b.metric("credentials_refused", `target="api"`); got != 0 {
		t.Errorf("credentials_refused is %v after the rotation, want 0", got)
	}
	b.stop()
	b.expectLog("the import API takes the credentials again")
	w.judge()
}
