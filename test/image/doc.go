// Package image holds the test of the container image: it builds Dockerfile.binary
// with buildah and looks at what came out.
package image
