// Package release holds the test of what a release consists of. make
// release-snapshot builds one and runs it.
package release
