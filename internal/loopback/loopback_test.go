package loopback_test

import (
	"testing"

	"kafka-import-bridge/internal/loopback"
)

func TestIs(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example.com": false, "example.com": false, "0.0.0.0": false, "::": false, "10.0.0.7": false,
		"127.1": false, "0127.0.0.1": false, "[::1]": false, "127.0.0.1:80": false,
	} {
		if got := loopback.Is(host); got != want {
			t.Errorf("%q is loopback: %t, want %t", host, got, want)
		}
	}
}
