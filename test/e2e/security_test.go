package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
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

// tokenServer is an OAuth endpoint that issues tokens for an hour.
func tokenServer(t *testing.T, issue func() (string, error)) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := issue()
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// unsecured is what the broker's validator for unsecured tokens takes.
func unsecured(subject string) func() (string, error) {
	return func() (string, error) {
		now := time.Now().Unix()
		claims := fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, subject, now, now+3600)
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
			base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".", nil
	}
}

// bearer authenticates with tokens of an endpoint.
func bearer(tokenURL string) environment {
	return environment{
		"BRIDGE_KAFKA_SASL_MECHANISM":           "OAUTHBEARER",
		"BRIDGE_KAFKA_SASL_OAUTH_TOKEN_URL":     tokenURL,
		"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_ID":     "bridge",
		"BRIDGE_KAFKA_SASL_OAUTH_CLIENT_SECRET": secretPassword,
	}
}

// Each way to authenticate delivers, against the broker's own validators.
func TestSecurity_everyMechanismDelivers(t *testing.T) {
	t.Parallel()
	const unprepared = secretPassword + "²ª" // SASLprep would make it 2a
	kafka := kafkatest.New(t, kafkatest.Options{Users: map[string]string{"alice": secretPassword, "odd": unprepared}})
	node := kafka.Nodes[0]
	var subtests sync.WaitGroup
	defer subtests.Wait()
	for name, env := range map[string]environment{
		"PLAIN":          secure(kafka, node.Secure).with(password("PLAIN", "alice", secretPassword)),
		"SCRAM-SHA-256":  secure(kafka, node.Secure).with(password("SCRAM-SHA-256", "alice", secretPassword)),
		"SCRAM-SHA-512":  secure(kafka, node.Secure).with(password("SCRAM-SHA-512", "alice", secretPassword)),
		"SCRAM as it is": secure(kafka, node.Secure).with(password("SCRAM-SHA-512", "odd", unprepared)),
		"OAUTHBEARER":    secure(kafka, node.Secure).with(bearer(tokenServer(t, unsecured("alice")))),
		"mutual TLS": secure(kafka, node.Mutual).with(environment{
			"BRIDGE_KAFKA_TLS_CERT_FILE": kafka.CertFile,
			"BRIDGE_KAFKA_TLS_KEY_FILE":  kafka.KeyFile,
		}),
	} {
		subtests.Go(func() {
			t.Run(name, func(t *testing.T) {
				w := newWorldOn(t, kafka, 2)
				w.produce(load{records: 200})
				b := w.start(env)
				w.settle(b)
				w.judge()
			})
		})
	}
}

// Signed tokens deliver while the broker's validator trusts their key. One of
// another key is refused, which is told, and the right one heals it.
func TestSecurity_signedTokens(t *testing.T) {
	t.Parallel()
	trusted, err := kafkatest.NewIssuer("trusted")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := kafkatest.NewIssuer("trusted") // of the same name, with another key
	if err != nil {
		t.Fatal(err)
	}
	kafka := kafkatest.New(t, kafkatest.Options{
		Users: map[string]string{"alice": secretPassword}, Issuer: trusted,
		Properties: map[string]string{"connections.max.reauth.ms": "3000"},
	})
	var issuer atomic.Pointer[kafkatest.Issuer]
	issuer.Store(stranger)
	tokens := tokenServer(t, func() (string, error) { return issuer.Load().Token("alice", time.Hour) })
	w := newWorldOn(t, kafka, 2)
	w.env = w.env.with(secure(kafka, kafka.Nodes[0].Secure), bearer(tokens))
	w.produce(load{records: 200})
	b := w.launch()
	const says = "the brokers refuse the OAuth token"
	w.eventually("the log says: "+says, func() bool { return b.says(says) })
	if code, text := w.check(); code != 1 || !bytes.Contains(failures(text), []byte(says)) {
		t.Errorf("bridge check ended with code %d and no fail line that says %q:\n%s", code, says, text)
	}
	issuer.Store(trusted)
	w.settle()

	// The broker closes what was authenticated three seconds ago, with the next request
	// (KIP-368): that ends no generation, and nothing is repeated.
	generation := b.generation()
	for range 4 {
		<-time.After(2 * time.Second)
		w.produce(load{records: 50})
		w.waitStored()
	}
	if now := b.generation(); now != generation {
		t.Errorf("generation %d after %d", now, generation)
	}
	w.settle(b)
	w.judge()
}
