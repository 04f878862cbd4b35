// Package pace decides which namespace may make an attempt next, and keeps the
// state of each namespace's trouble.
//
// A namespace is in one of five states. All changes between them are methods
// of Namespace in namespace.go:
//
//	          Fail             Shed              Probe
//	Ordinary ------> Retrying ------> Shed ----------------> Trial
//	    ^               ^               ^                     |  |
//	    |    Probe, CaughtUp            |   Fail              |  |
//	    |               +---------------+---------------------+  |
//	    |                                                        |
//	    +---- Clear, from every state         Refuse, from every state ---> Held
//
// A Held namespace is probed as a Shed one is, and returns to Held where its
// trial fails.
//
// Pacer gives out the slots for attempts: to healthy and troubled namespaces in
// turn, never more than half of the slots to troubled ones, and none at all
// while a gate is shut because the API refuses the credentials, does not know
// the call, or asks everybody to wait.
//
// The package is pure: it has no goroutine, clock or I/O, and it locks nothing.
// The session loop calls it and is its only user. A Pacer belongs to the
// process, so that a rest that began in one generation of the group holds in
// the next one; Reset separates the generations.
package pace
