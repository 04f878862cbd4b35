package main

import (
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// allow grants an operation on a resource.
func allow(kind kmsg.ACLResourceType, name string, operation kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: kind, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: operation, Allow: true}
}

func TestCheck_permissions(t *testing.T) {
	const topic, group = kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup
	const read, write, describe = kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe
	enough := []kfake.ACL{allow(topic, "users", read), allow(topic, "listings", read), allow(topic, "dead", write), allow(group, "bridge", read)}
	for _, tc := range []struct {
		name    string
		without int // index into enough, -1 none
		instead []kfake.ACL
		want    string
		remedy  string
	}{
		{"enough", -1, nil, "", ""},
		{"no right on a topic", 0, nil, "fail topic users: ", "BRIDGE_KAFKA_TOPICS"},
		{"a topic may be described but not read", 0, []kfake.ACL{allow(topic, "users", describe)}, "fail topic users: ", "READ"},
		{"dead letters may be described but not written", 2, []kfake.ACL{allow(topic, "dead", describe)}, "fail dead-letter topic dead: ", "WRITE"},
		{"no right on the dead-letter topic", 2, nil, "fail dead-letter topic dead: ", "BRIDGE_DLQ_TOPIC"},
		{"no right on the group", 3, nil, "fail group bridge: ", "BRIDGE_KAFKA_GROUP_ID"},
		{"the group may be described but not joined", 3, []kfake.ACL{allow(group, "bridge", describe)}, "fail group bridge: ", "BRIDGE_KAFKA_GROUP_ID"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var rights []kfake.ACL
			for i, right := range enough {
				if i != tc.without {
					rights = append(rights, right)
				}
			}
			rights = append(rights, tc.instead...)
			w := newCheckWorld(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.User("PLAIN", "importer", "SECRET", rights...))
			code, out := w.check(map[string]string{
				"BRIDGE_KAFKA_SASL_MECHANISM": "PLAIN", "BRIDGE_KAFKA_SASL_USERNAME": "importer", "BRIDGE_KAFKA_SASL_PASSWORD": "SECRET",
				"BRIDGE_DLQ_TOPIC": "dead",
			})
			_, fail := w.lines(out)
			switch {
			case tc.want == "":
				if code != 0 {
					t.Errorf("exit code %d: %s", code, out)
				}
			case code != 1 || len(fail) != 1 || !strings.HasPrefix(fail[0], tc.want) || !strings.Contains(fail[0], tc.remedy):
				t.Errorf("exit code %d, want one line %q with %q: %s", code, tc.want, tc.remedy, out)
			}
		})
	}
}

func TestCheck_wrongPassword(t *testing.T) {
	w := newCheckWorld(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "importer", "another"))
	w.cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		answer := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		answer.ErrorCode = kerr.SaslAuthenticationFailed.Code // as real brokers do; this one would hang up
		return answer, nil, true
	})
	code, out := w.check(map[string]string{
		"BRIDGE_KAFKA_SASL_MECHANISM": "PLAIN", "BRIDGE_KAFKA_SASL_USERNAME": "importer", "BRIDGE_KAFKA_SASL_PASSWORD": "SECRET",
	}, "-namespace", "users")
	if code != 1 || !strings.Contains(out, "check BRIDGE_KAFKA_SASL_USERNAME and BRIDGE_KAFKA_SASL_PASSWORD") || !strings.Contains(out, "ok api ") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestCheck_tls(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(server.Close)
	roots := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(roots, block, 0o600); err != nil {
		t.Fatal(err)
	}
	secure := newCheckWorld(t, kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates}))
	for _, tc := range []struct {
		name    string
		changes map[string]string
		want    string // in the broker's line
		code    int
	}{
		{"plaintext client at a TLS port", nil, "set BRIDGE_KAFKA_TLS=true", 1},
		{"unknown authority", map[string]string{"BRIDGE_KAFKA_TLS": "true"}, "set BRIDGE_KAFKA_TLS_CA_FILE", 1},
		{"right", map[string]string{"BRIDGE_KAFKA_TLS": "true", "BRIDGE_KAFKA_TLS_CA_FILE": roots}, "answers over TLS", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out := secure.check(tc.changes)
			if code != tc.code || !strings.Contains(out, tc.want) {
				t.Errorf("exit code %d, want %q: %s", code, tc.want, out)
			}
		})
	}
}
