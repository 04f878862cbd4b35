package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
)

// misplaced are values that hold hunter2, a secret, in ways that no variable
// accepts: credentials of addresses, and keys where something else belongs.
var misplaced = []string{
	"admin:hunter2@k:9092,admin:hunter2@k:9092",
	"k:9092,admin:hunter2@k",
	"admin:hunter2 with a space@k:9092,",
	"admin:hunter2,with,commas@k:9092,",
	"https://admin:hunter2@h/a?b",
	"https://admin:p/hunter2@h/{namespace}",
	"https://admin:hunter2\n@h",
	"amqp://hunter2@h",
	"https://h/{namespace}?token=hunter2",
	"https://h/#hunter2\nhunter2",
	"admin:hunter2@127.0.0.1:6060",
	"users/0@1,admin:hunter2@k:9092",
	"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
	"([admin:hunter2@k",
	"a=b,admin:hunter2@k",
}

// secretly are values that hold it where a secret or its path belongs.
var secretly = []string{"hunter2", "hunter2\nhunter2", "sk hunter2", "\ufeffhunter2"}

// TestSecrets_areInNoFault puts misplaced secrets into each variable: whatever a
// command says about it, the secret is not in it. Texts that a variable accepts
// are its value, which `bridge config` is there to print.
func TestSecrets_areInNoFault(t *testing.T) {
	environ := []string{
		"BRIDGE_KAFKA_BROKERS=k:9092", "BRIDGE_KAFKA_TOPICS=users", "BRIDGE_KAFKA_GROUP_ID=g", "SAFETYKIT_API_KEY=key",
	}
	refused := map[string]int{}
	try := func(variable, value string) {
		environ := append(slices.Clone(environ), variable+"="+value)
		if _, err := config.Load(environ, 0); err == nil {
			return
		}
		refused[variable]++
		for _, command := range [][]string{{"run"}, {"config"}, {"check"}, {"check", "-json"}} {
			var out bytes.Buffer
			if code := run(t.Context(), command, environ, &out, &out); code != exitUsage {
				t.Errorf("%s with %s=%q: exit code %d, want %d", command, variable, value, code, exitUsage)
			}
			if text := out.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, variable) {
				t.Errorf("%s with %s=%q prints\n%s", command, variable, value, text)
			}
		}
	}
	for _, s := range config.Settings() {
		variables, values := []string{s.Variable}, misplaced
		if s.Secret() {
			variables = append(variables, s.FileVariable())
			values = append(slices.Clone(misplaced), secretly...)
		}
		for _, variable := range variables {
			for _, value := range values {
				try(variable, value)
			}
		}
	}
	try("BRIDGE_KAFKA_PASSWORD", "hunter2")
	for _, s := range config.Settings() {
		// Plain text is free: an id, a name, an expression. Anything else refuses these.
		if refused[s.Variable] == 0 && s.Kind != config.KindString {
			t.Errorf("%s accepts everything, so that nothing was tested", s.Variable)
		}
	}
}
