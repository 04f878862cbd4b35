package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"

	"kafka-import-bridge/internal/config"
)

func TestSecret_isNeverPrinted(t *testing.T) {
	const text = "hunter2-hunter2"
	secret := config.NewSecret(text)
	holder := struct {
		Public string
		Key    config.Secret
	}{"x", secret}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n"+verb+"\n"+verb+"\n", secret, &secret, holder)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "secret", secret, "holder", holder)
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "secret", secret, "holder", holder)
	if err := json.NewEncoder(&out).Encode(holder); err != nil {
		t.Fatal(err)
	}
	hex := fmt.Sprintf("%x", text)
	if printed := out.String(); strings.Contains(printed, text) || strings.Contains(printed, hex) {
		t.Errorf("the secret was printed:\n%s", printed)
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing says that something was redacted")
	}
	if secret.Value() != text {
		t.Errorf("Value is %q", secret.Value())
	}
}

func TestSecret_zeroIsUnset(t *testing.T) {
	var s config.Secret
	changed, err := s.Reload()
	if s.Value() != "" || s.String() != "" || changed || err != nil {
		t.Errorf("the zero secret: %q %q %v %v", s.Value(), s.String(), changed, err)
	}
}

func TestSecret_Reload(t *testing.T) {
	path := writeFile(t, "key", "first\n")
	cfg := load(t, with("SAFETYKIT_API_KEY=", "SAFETYKIT_API_KEY_FILE="+path))
	key, holder := cfg.API.Key, cfg.API.Key
	steps := []struct {
		name, content, want string
		changed, fails      bool
	}{
		{"the same text", "first\n", "first", false, false},
		{"another text", "second\r\n", "second", true, false},
		{"an empty file keeps the old text", "\n", "second", false, true},
		{"two lines keep the old text", "third\nfifth\n", "second", false, true},
		{"an endless file keeps the old text", strings.Repeat("x", 70<<10), "second", false, true},
		{"text without a line end", "third", "third", true, false},
	}
	for _, step := range steps {
		if err := os.WriteFile(path, []byte(step.content), 0o600); err != nil {
			t.Fatal(err)
		}
		changed, err := key.Reload()
		if changed != step.changed || (err != nil) != step.fails || holder.Value() != step.want {
			t.Errorf("%s: changed %v, error %v, value %q", step.name, changed, err, holder.Value())
		}
		if err != nil && strings.Contains(err.Error(), "fifth") {
			t.Errorf("%s: the error holds the text: %v", step.name, err)
		}
	}
	if err := os.WriteFile(path, []byte("fourth"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := key.Latest(); got != "fourth" {
		t.Errorf("Latest is %q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if changed, err := key.Reload(); changed || err == nil || key.Latest() != "fourth" {
		t.Errorf("a missing file: changed %v, error %v, value %q", changed, err, key.Value())
	}
}

func TestSecret_ReloadConcurrently(t *testing.T) {
	path := writeFile(t, "key", "first")
	cfg := load(t, with("SAFETYKIT_API_KEY=", "SAFETYKIT_API_KEY_FILE="+path))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := cfg.API.Key.Reload(); err != nil || cfg.API.Key.Value() != "first" {
					t.Errorf("reload: %v", err)
				}
			}
		})
	}
	wg.Wait()
}
