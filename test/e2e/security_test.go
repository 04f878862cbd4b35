package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"kafka-import-bridge/test/kafkatest"
)

// secure is the part of a bridge's environment that every TLS listener needs.
func secure(kafka *kafkatest.Cluster, listener string) environment {
	return environment{
		"BRIDGE_KAFKA_BROKERS":     listener,
		"BRIDGE_KAFKA_TLS":         "true",
		"BRIDGE_KAFKA_TLS_CA_FILE": kafka.CAFile,
	}
}

func password(mechanism, user, password string) environment {
	return environment{
		"BRIDGE_KAFKA_SASL_MECHANISM": mechanism,
		"BRIDGE_KAFKA_SASL_USERNAME":  user,
		"BRIDGE_KAFKA_SASL_PASSWORD":  password,
	}
}

// tokenServer is an OAuth endpoint that issues what the broker's validator for
// unsecured tokens takes.
func tokenServer(t *testing.T, subject string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().Unix()
		claims := fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, subject, now, now+3600)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
				base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".",
			"token_type": "Bearer", "expires_in": 3600,
		})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Each way to authenticate delivers, against the broker's own validators.
func TestSecurity_everyMechanismDelivers(t *testing.T) {
	t.Parallel()
	kafka := kafkatest.New(t, kafkatest.Options{Users: map[string]string{"alice": secretPassword}})
	node := kafka.Nodes[0]
	for name, env := range map[string]environment{
		"PLAIN":         secure(kafka, node.Secure).with(password("PLAIN", "alice", secretPassword)),
		"SCRAM-SHA-256": secure(kafka, node.Secure).with(password("SCRAM-SHA-256", "alice", secretPassword)),
		"SCRAM-SHA-512": secure(kafka, node.Secure).with(password("SCRAM-SHA-512", "alice", secretPassword)),
		"OAUTHBEARER": secure(kafka, node.Secure).with(environment{
			"BRIDGE_KAFKA_SASL_MECHANISM":           "OAUTHBEARER",
			"BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL":     tokenServer(t, "alice"),
			"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_ID":     "bridge",
			"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET": secretPassword,
		}),
		"mutual TLS": secure(kafka, node.Mutual).with(environment{
			"BRIDGE_KAFKA_TLS_CERT_FILE": kafka.CertFile,
			"BRIDGE_KAFKA_TLS_KEY_FILE":  kafka.KeyFile,
		}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOn(t, kafka, 2)
			w.produce(load{records: 200})
			b := w.start(env)
			w.waitStored(20 * time.Second)
			w.waitCommitted(w.topic)
			b.stop()
			w.judge()
		})
	}
}
