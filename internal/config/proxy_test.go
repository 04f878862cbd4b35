package config_test

import (
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/http/httpproxy"

	"kafka-import-bridge/internal/config"
)

func TestLoad_proxies(t *testing.T) {
	for text, ok := range map[string]bool{
		"http://gate.example:3128":              true,
		"gate.example:3128":                     true,
		"gate.example":                          true,
		"http://user:p%23@gate.example/":        true,
		"https://[2001:db8::1]:3128":            true,
		"socks5h://user:SECRET@gate.example:99": true,
		"http://user:SECRET#1@gate.example:31":  false,
		"http://user:SECRET/1@gate.example:31":  false,
		"http://user:SECRET%@gate.example:3128": false,
		"user:SECRET%@gate.example:3128":        false,
		"ftp://user:SECRET@gate.example:3128":   false,
		"http://":                               false,
		"http//gate.example:SECRET":             false,
		" http://gate.example":                  false,
	} {
		for _, variable := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
			_, err := config.Load(with(variable+"="+text), 0)
			if (err == nil) != ok || err != nil && (!strings.HasPrefix(err.Error(), variable+": want host:port") || strings.Contains(err.Error(), "SECRET")) {
				t.Errorf("%s=%s: %v", variable, text, err)
			}
		}
		proxy, err := (&httpproxy.Config{HTTPProxy: text}).ProxyFunc()(&url.URL{Scheme: "http", Host: "shop.example"})
		if ok && (err != nil || proxy == nil || !strings.Contains(text, proxy.Hostname())) {
			t.Errorf("%s leads to %v, error %v", text, proxy, err)
		}
	}
}
