// Package image holds the tests of the container image: they build both
// Dockerfiles with buildah and look at what came out.
package image
