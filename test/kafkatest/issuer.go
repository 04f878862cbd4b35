package kafkatest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"time"
)

// Audience is whom the tokens of an Issuer are for.
const Audience = "kafka"

// Scope is the scope that tokens need.
const Scope = "import"

// Issuer signs JSON Web Tokens (RFC 7519) with RS256, as an OAuth server does.
type Issuer struct {
	key  *rsa.PrivateKey
	name string
}

// NewIssuer makes an issuer with a key of its own.
func NewIssuer(name string) (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	return &Issuer{key: key, name: name}, nil
}

// Token is a token for a principal that expires after a while.
func (i *Issuer) Token(subject string, life time.Duration) (string, error) {
	now := time.Now()
	header, err1 := json.Marshal(map[string]any{"alg": "RS256", "typ": "JWT", "kid": i.name})
	claims, err2 := json.Marshal(map[string]any{
		"iss": i.name, "aud": Audience, "sub": subject, "scope": Scope,
		"iat": now.Unix(), "exp": now.Add(life).Unix(),
	})
	if err1 != nil || err2 != nil {
		return "", fmt.Errorf("encode token: %w, %w", err1, err2)
	}
	text := encode64(header) + "." + encode64(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return text + "." + encode64(signature), nil
}

// keySet is the public key as a JSON Web Key Set (RFC 7517).
func (i *Issuer) keySet() []byte {
	return fmt.Appendf(nil, `{"keys":[{"kty":"RSA","use":"sig","alg":"RS256","kid":%q,"n":%q,"e":%q}]}`,
		i.name, encode64(i.key.N.Bytes()), encode64(big.NewInt(int64(i.key.E)).Bytes()))
}

func encode64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signedTokens makes OAUTHBEARER check signatures against the keys in a file.
func signedTokens(keys string) map[string]string {
	const listener = "listener.name.secure.oauthbearer.sasl."
	return map[string]string{
		listener + "server.callback.handler.class":  "org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler",
		listener + "oauthbearer.jwks.endpoint.url":  "file://" + keys,
		listener + "oauthbearer.expected.audience":  Audience,
		listener + "oauthbearer.clock.skew.seconds": "1",
	}
}
