// Package registry starts a real schema registry for tests, Apicurio with
// Confluent's API, and reads the records that other implementations have written
// by schemas (internal/decode/testdata/golden).
//
// The registry keeps what it knows in memory: each start is an empty one. Its files
// are downloaded once by Maven, into the user's cache folder. A test that starts one
// needs java and mvn; without them it is skipped, and fails where CI=true. Tests only.
package registry
