// Package auth says how to log in at the brokers and what a failure of that means:
// it builds the TLS configuration and the SASL mechanism of kafka.Config, asks the
// issuer for OAuth tokens, and explains an error of a broker in one sentence with
// its remedy.
//
// cmd/bridge builds a Config and hands its parts to kafka.NewClient. Files and
// secrets are read again for each connection, on the goroutine that opens it.
// Everything is safe for concurrent use. No error and no explanation holds a secret.
package auth
