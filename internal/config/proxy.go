package config

import (
	"net/url"
	"slices"
	"strings"
)

// validateProxies refuses the address of a proxy that is none. What reads these variables
// passes over it, and connects without a proxy, or to the host "http".
func (l *loader) validateProxies() {
	for _, variable := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
		if text := l.env[variable]; text != "" && !isProxy(text) {
			l.faults = append(l.faults, &Fault{
				Variable: variable, // its value may hold a password
				Problem:  "want host:port or a URL of http, https, socks5 or socks5h; in a password # is written %23, / %2F and % %25",
				Remedy:   "correct " + variable,
			})
		}
	}
}

// isProxy reports whether text is the address of a proxy, as x/net/http/httpproxy takes it.
func isProxy(text string) bool {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	return err == nil && u.Hostname() != "" && strings.Trim(u.Path, "/") == "" && slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)
}
