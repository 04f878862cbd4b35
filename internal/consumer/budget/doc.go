// Package budget owns the memory that grows with input: it knows who holds how
// much, who may take more, and who has to give.
//
// BRIDGE_BUFFER_MAX_BYTES is divided among accounts. Reading (answers of
// brokers, and batches inflated from them) has a reserve that is never lent to
// others, so that open batches cannot keep from being read what would complete
// them. Batches take what nobody else uses. Dead letters, and the marks of
// namespaces whose lines have left memory, have ceilings: what would pass
// them stays in Kafka, and its partition pauses.
//
// Where memory is short, namespaces in trouble give way (Victims). Nothing
// needs to have been stored before that: while nothing is, Taste bounds how
// much is read for nothing, so that a general outage costs a bounded number of
// bytes that are read twice, and a single namespace never stops the others.
//
// The package is pure: it has no goroutine, clock or I/O, and it locks nothing.
// The session loop calls it and is its only user. A Budget belongs to the
// process.
package budget
