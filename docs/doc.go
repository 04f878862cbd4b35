// Package docs holds the documents, and the tests that keep them true: the list
// of metrics is generated, alerts and tests that a document names exist, and so
// do the files that it links to. Nothing imports it.
package docs
