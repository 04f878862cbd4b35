// Package manual renders one description of the program as the text of
// `bridge help`, as a man page, and as completions for bash, zsh and fish, so
// that they cannot disagree.
//
// It is pure: the description comes in as a [Manual], the text goes out. Only
// cmd/bridge imports it; it imports no other room. Its functions are safe for
// concurrent use.
package manual
