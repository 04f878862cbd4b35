package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// oauthBearer is SASL OAUTHBEARER (RFC 7628) with tokens of the client
// credentials grant, as KIP-768 describes. A token is shared by all
// connections until shortly before it expires or a broker refuses it. Safe for
// concurrent use.
type oauthBearer struct {
	settings OAuth
	client   *http.Client

	// turn holds one element, owned by whoever uses the fields below: a
	// mutex whose waiters can give up.
	turn   chan struct{}
	token  *oauth2.Token
	config *clientcredentials.Config // keeps how the endpoint wants the secret sent
	failed error                     // why there is no token, nil if there was one
	rested time.Time                 // when the endpoint may be asked again after that
}

// tokenRest is how long the endpoint is asked for nothing once it has given no token,
// unless the secret has changed: each connection to each broker wants one.
const tokenRest = time.Second

func newOAuthBearer(settings OAuth) *oauthBearer {
	client := http.Client{}
	if settings.Client != nil {
		client = *settings.Client
	}
	// The secret goes to the configured endpoint only.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &oauthBearer{settings: settings, client: &client, turn: make(chan struct{}, 1)}
}

// Name implements [sasl.Mechanism].
func (m *oauthBearer) Name() string { return MechanismOAuthBearer }

// Start implements [sasl.Mechanism].
func (m *oauthBearer) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	token, err := m.accessToken(ctx)
	if err != nil {
		return nil, nil, err
	}
	first := "n,,\x01auth=Bearer " + token + "\x01" + m.extensions() + "\x01"
	return &oauthExchange{mechanism: m, token: token}, []byte(first), nil
}

// extensions returns the key-value pairs that follow the token (RFC 7628,
// section 3.1).
func (m *oauthBearer) extensions() string {
	var pairs strings.Builder
	for _, x := range m.settings.Extensions {
		pairs.WriteString(x.Name + "=" + x.Value + "\x01")
	}
	return pairs.String()
}

// accessToken returns the shared token, or a new one when there is none that
// is valid.
func (m *oauthBearer) accessToken(ctx context.Context) (string, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return "", fmt.Errorf("get OAuth token: %w", ctx.Err())
	}
	if m.token.Valid() {
		return m.token.AccessToken, nil
	}
	secret := m.settings.ClientSecret()
	if m.failed != nil && m.config.ClientSecret == secret && time.Now().Before(m.rested) {
		return "", m.failed
	}
	token, err := m.fetch(ctx, secret)
	if m.failed = nil; err != nil {
		err = fmt.Errorf("get OAuth token: %w", err)
		if ctx.Err() == nil {
			m.failed, m.rested = err, time.Now().Add(tokenRest)
		}
		return "", err
	}
	m.token = token
	return token.AccessToken, nil
}

// fetch exchanges the client credentials for a token. The caller owns turn.
func (m *oauthBearer) fetch(ctx context.Context, secret string) (*oauth2.Token, error) {
	if m.config == nil || m.config.ClientSecret != secret {
		m.config = &clientcredentials.Config{
			ClientID:     m.settings.ClientID,
			ClientSecret: secret,
			TokenURL:     m.settings.TokenURL,
			Scopes:       m.settings.Scopes,
		}
	}
	token, err := m.config.Token(context.WithValue(ctx, oauth2.HTTPClient, m.client))
	if err != nil {
		return nil, tokenError(err)
	}
	if strings.ContainsFunc(token.AccessToken, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, errors.New("the endpoint's token holds characters that are not allowed in one")
	}
	return token, nil
}

// forget drops a token that a broker refused, so that the next connection asks
// for a new one. When ctx ends first the next refusal does it.
func (m *oauthBearer) forget(ctx context.Context, token string) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return
	}
	if m.token != nil && m.token.AccessToken == token {
		m.token = nil
	}
}

// tokenRefused is an answer of the token endpoint that is no token. It leaves
// out the body, which may echo what was sent.
type tokenRefused struct {
	status int
	code   string // RFC 6749's error, or ""
}

func (e *tokenRefused) Error() string {
	if e.code == "" {
		return fmt.Sprintf("the endpoint answered %d", e.status)
	}
	return fmt.Sprintf("the endpoint answered %d (%s)", e.status, e.code)
}

// aboutClient reports whether the endpoint does not take the client or its secret:
// 400 and 401 as in RFC 6749, section 5.2, and 403.
func (e *tokenRefused) aboutClient() bool {
	return e.status == http.StatusBadRequest || e.status == http.StatusUnauthorized || e.status == http.StatusForbidden
}

// tokenError keeps of a failed exchange what may be printed.
func tokenError(err error) error {
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		return &tokenRefused{refused.Response.StatusCode, word(refused.ErrorCode)}
	}
	return err
}

// word returns text if it is a short identifier, and else "": it comes from
// another host and goes to the log.
func word(text string) string {
	plain := func(r rune) bool {
		return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
	}
	if len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return ""
	}
	return text
}

// oauthExchange is the exchange of one connection.
type oauthExchange struct {
	mechanism *oauthBearer
	token     string
}

// Next implements [sasl.StateMachine]. A broker that accepts the token sends
// nothing; one that refuses it says why in JSON (RFC 7628, section 3.2.2).
func (x *oauthExchange) Next(ctx context.Context, challenge []byte) (bool, []byte, error) {
	if len(challenge) == 0 {
		return true, nil, nil
	}
	x.mechanism.forget(ctx, x.token)
	var refusal struct{ Status string }
	if err := json.Unmarshal(challenge, &refusal); err != nil || word(refusal.Status) == "" {
		return false, nil, fmt.Errorf("broker refuses the OAuth token: %w", kafka.SASLAuthenticationFailed)
	}
	return false, nil, fmt.Errorf("broker refuses the OAuth token (%s): %w", refusal.Status, kafka.SASLAuthenticationFailed)
}
