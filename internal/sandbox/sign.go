package sandbox

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	contentType = "application/json"
	amzTime     = "20060102T150405Z"
	signRegion  = "us-east-1"
)

// signer makes and checks pre-signed URLs as S3 does: AWS Signature Version 4 in
// the query, without the payload. It is safe for concurrent use.
type signer struct {
	signer      *v4.Signer
	credentials aws.Credentials // the session token pads URLs to the length of real ones
}

func newSigner() signer {
	return signer{
		signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), // S3 escapes once
		credentials: aws.Credentials{
			AccessKeyID: "SANDBOX" + strings.ToUpper(randomHex(6)), SecretAccessKey: randomHex(20), SessionToken: randomHex(450),
		},
	}
}

// presign returns link with a signature for one method, valid for life. An empty
// contentType leaves that header unsigned. The link must have no query.
func (s signer) presign(method, link, contentType string, at time.Time, life time.Duration) string {
	request := &http.Request{Method: method, Header: http.Header{}}
	var err error
	if request.URL, err = url.Parse(link); err != nil {
		return link
	}
	request.URL.RawQuery = url.Values{"X-Amz-Expires": {strconv.Itoa(int(life / time.Second))}}.Encode()
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	signed, err := s.sign(request, at)
	if err != nil {
		return link
	}
	return signed
}

func (s signer) sign(request *http.Request, at time.Time) (string, error) {
	signed, _, err := s.signer.PresignHTTP(context.Background(), s.credentials, request, "UNSIGNED-PAYLOAD", "s3", signRegion, at)
	return signed, err
}

// verdict is why a signed request is refused; empty when it is not.
type verdict string

const (
	verdictUnsigned verdict = "AccessDenied"
	verdictAltered  verdict = "SignatureDoesNotMatch"
	verdictExpired  verdict = "ExpiredToken"
)

// verify checks method, path, query, signed headers and expiry of a request: what
// it asks for, signed anew, must be the URL that it came with.
func (s signer) verify(r *http.Request, now time.Time) verdict {
	query := r.URL.Query()
	at, err := time.Parse(amzTime, query.Get("X-Amz-Date"))
	life, lifeErr := strconv.Atoi(query.Get("X-Amz-Expires"))
	if !query.Has("X-Amz-Signature") || err != nil || lifeErr != nil {
		return verdictUnsigned
	}
	again := &http.Request{Method: r.Method, Host: r.Host, Header: http.Header{}, URL: &url.URL{
		Scheme: "http", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath,
	}}
	unsigned := r.URL.Query()
	unsigned.Del("X-Amz-Signature")
	again.URL.RawQuery = unsigned.Encode()
	for name := range strings.SplitSeq(query.Get("X-Amz-SignedHeaders"), ";") {
		if name != "host" {
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	signed, err := s.sign(again, at)
	if err != nil {
		return verdictAltered
	}
	if want, err := url.Parse(signed); err != nil || !reflect.DeepEqual(query, want.Query()) {
		return verdictAltered
	}
	if !now.Before(at.Add(time.Duration(life) * time.Second)) {
		return verdictExpired
	}
	return ""
}
