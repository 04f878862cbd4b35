package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	contentType   = "application/json"
	amzTime       = "20060102T150405Z"
	signRegion    = "us-east-1"
	signedHeaders = "content-type;host"
)

// signer makes and checks pre-signed URLs as S3 does (AWS Signature Version 4,
// in the query, payload unsigned).
type signer struct {
	accessKey string
	secret    string
	token     string // session token: pads URLs to the length of real ones
}

func newSigner() signer {
	return signer{accessKey: "SANDBOX" + strings.ToUpper(randomHex(6)), secret: randomHex(20), token: randomHex(450)}
}

// presign returns link with a signature for one method. An empty contentType
// leaves that header unsigned. The link must have no query.
func (s signer) presign(method, link, contentType string, at time.Time, life time.Duration) string {
	u, err := url.Parse(link)
	if err != nil {
		return link
	}
	at = at.UTC()
	headers := http.Header{}
	names := "host"
	if contentType != "" {
		names = signedHeaders
		headers.Set("Content-Type", contentType)
	}
	query := url.Values{
		"X-Amz-Algorithm":      {"AWS4-HMAC-SHA256"},
		"X-Amz-Credential":     {s.accessKey + "/" + scope(at)},
		"X-Amz-Date":           {at.Format(amzTime)},
		"X-Amz-Expires":        {strconv.Itoa(int(life / time.Second))},
		"X-Amz-Security-Token": {s.token},
		"X-Amz-SignedHeaders":  {names},
	}.Encode()
	u.RawQuery = query + "&X-Amz-Signature=" + s.signature(method, u.EscapedPath(), query, names, headers, u.Host, at)
	return u.String()
}

// verdict is why a signed request is refused; empty when it is not.
type verdict string

const (
	verdictUnsigned verdict = "AccessDenied"
	verdictAltered  verdict = "SignatureDoesNotMatch"
	verdictExpired  verdict = "ExpiredToken"
)

// verify checks method, path, query, signed headers and expiry of a request.
func (s signer) verify(r *http.Request, now time.Time) verdict {
	query := r.URL.Query()
	given := query.Get("X-Amz-Signature")
	at, err := time.Parse(amzTime, query.Get("X-Amz-Date"))
	life, lifeErr := strconv.Atoi(query.Get("X-Amz-Expires"))
	if given == "" || err != nil || lifeErr != nil {
		return verdictUnsigned
	}
	names := query.Get("X-Amz-SignedHeaders")
	want := s.signature(r.Method, r.URL.EscapedPath(), unsignedQuery(r.URL.RawQuery), names, r.Header, r.Host, at)
	if !hmac.Equal([]byte(given), []byte(want)) || !strings.Contains(";"+names+";", ";host;") {
		return verdictAltered
	}
	if !now.Before(at.Add(time.Duration(life) * time.Second)) {
		return verdictExpired
	}
	return ""
}

// unsignedQuery drops the signature and sorts what is left.
func unsignedQuery(raw string) string {
	parts := slices.DeleteFunc(strings.Split(raw, "&"), func(p string) bool {
		return strings.HasPrefix(p, "X-Amz-Signature=")
	})
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

func (s signer) signature(method, path, query, names string, headers http.Header, host string, at time.Time) string {
	var canonical strings.Builder
	for name := range strings.SplitSeq(names, ";") {
		value := strings.TrimSpace(headers.Get(name))
		if name == "host" {
			value = host
		}
		canonical.WriteString(name + ":" + value + "\n")
	}
	request := strings.Join([]string{method, path, query, canonical.String(), names, "UNSIGNED-PAYLOAD"}, "\n")
	sum := sha256.Sum256([]byte(request))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", at.Format(amzTime), scope(at), hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + s.secret)
	for part := range strings.SplitSeq(scope(at), "/") {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func scope(at time.Time) string { return at.Format("20060102") + "/" + signRegion + "/s3/aws4_request" }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
