package http1

import (
	"context"
	"net/url"
)

var (
	neverDone = context.Background()
	home      = &url.URL{Scheme: "http", Host: "a.example", Path: "/"}
)
