package admin

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
)

var (
	//go:embed page/page.html
	pageHTML string
	//go:embed page/page.css
	pageCSS string
	//go:embed page/page.js
	pageJS string
)

// newPage serves the status page: one document with its style and its script inline,
// each allowed by its hash and nothing else. It is the same for every request;
// what it shows it reads from /status itself.
func newPage(version string) http.HandlerFunc {
	body := strings.NewReplacer(
		"/*STYLE*/", pageCSS,
		"/*SCRIPT*/", pageJS,
		"VERSION", html.EscapeString(version),
	).Replace(pageHTML)
	policy := fmt.Sprintf("%s; style-src '%s'; script-src '%s'; connect-src 'self'; img-src data:",
		noContent, sourceHash(pageCSS), sourceHash(pageJS))
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, body)
	}
}

// sourceHash returns the source expression by which a content policy names an
// inline element's exact text.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
