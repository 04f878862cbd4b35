// Command mutants breaks the bridge on purpose, in one place at a time, and
// runs the tests that must notice.
//
// The kept list (list_*.go) says for each mutant which text of which package
// is replaced by what, and which tests fail then. A mutant that changes nothing
// says why instead: all tests of its package must pass. The working tree is
// never touched: the go command gets the changed file as an overlay. Run it by
// make mutants; it exits with 1 if a mutant survives.
//
// A cheap test keeps the list true: each text occurs exactly once in its
// package, and each named test exists. Whoever changes a text that a mutant
// names changes the mutant with it, or replaces it by one of the same idea.
package main
