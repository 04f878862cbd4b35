package main

import (
	"os"
	"path/filepath"
	"testing"

	"kafka-import-bridge/internal/config"
)

// The key and the user's headers are read again together, so that both may be
// rotated in their files.
func TestAPICredentials_areReadAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("key", "sk_1")
	write("headers", "X-Tenant: a\n")
	cfg, err := config.Load([]string{
		"BRIDGE_KAFKA_BROKERS=k:9092", "BRIDGE_KAFKA_TOPICS=users", "BRIDGE_KAFKA_GROUP_ID=g",
		"SAFETYKIT_API_KEY_FILE=" + filepath.Join(dir, "key"), "SAFETYKIT_CUSTOM_HEADERS_FILE=" + filepath.Join(dir, "headers"),
	}, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := apiCredentials{cfg.API.Key, cfg.API.CustomHeaders}
	want := func(key, tenant string) {
		t.Helper()
		if c.Value() != key || c.Headers().Get("X-Tenant") != tenant {
			t.Errorf("key %q, tenant %q; want %q, %q", c.Value(), c.Headers().Get("X-Tenant"), key, tenant)
		}
	}
	want("sk_1", "a")
	if changed, err := c.Reload(); changed || err != nil {
		t.Errorf("changed %t, %v", changed, err)
	}
	write("headers", "X-Tenant: b\n")
	if changed, err := c.Reload(); !changed || err != nil {
		t.Errorf("changed %t, %v", changed, err)
	}
	want("sk_1", "b")
	write("key", "sk_2")
	write("headers", "no header at all")
	if changed, err := c.Reload(); !changed || err == nil {
		t.Errorf("changed %t, %v", changed, err)
	}
	want("sk_2", "b")
}
