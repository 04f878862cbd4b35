// Package truth is the judge of the end-to-end tests: it is told every record
// that was produced, every object that was stored, every dead letter and every
// committed offset that was seen, and finds what breaks a promise.
//
// A line is recognised by its bytes, not by its id, so that an altered line is an
// unexpected one and its record is missing. Produced lines must therefore differ
// from each other within a namespace.
//
// Truth is safe for concurrent use: producers, the object store and the sampler
// of offsets all report while the test runs. It has no goroutine and no clock.
// Tests only; imports no other package of this module.
package truth
