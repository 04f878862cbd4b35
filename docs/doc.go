// Package docs holds the documents, and the tests that keep them true: what a document
// names exists (files, packages, settings, metrics, alerts, log lines, values of the
// chart, tests, targets of make, commits), and so do the files and headings that it links
// to. The list of metrics and the imports of the rooms are generated. Commands and their
// flags are looked up by cmd/bridge. Nothing imports it.
package docs
