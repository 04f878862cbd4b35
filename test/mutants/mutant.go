package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mutant is one way to break the code.
type mutant struct {
	name string // what goes wrong, in a few words
	in   string // directory of the package, from the module's root
	old  string // occurs exactly once in the package's files but for its tests
	new  string
	// by are the tests that fail then, separated by spaces: TestName of the same
	// package, or DIRECTORY.TestName.
	by string
	// nothing says why the mutant changes nothing; by is empty then.
	nothing string
}

// list is every mutant that is kept.
func list() []mutant {
	return slices.Concat(ledgerMutants, recordMutants, decodeMutants, batcherMutants, wireMutants, importerMutants, configMutants, paceMutants, budgetMutants, fetchMutants, sessionMutants, receiptMutants,
		kafkaMutants, groupMutants, lettersMutants, commitsMutants, assignmentMutants, discoveryMutants,
		paceEdgeMutants, budgetEdgeMutants, lettersEdgeMutants, outboxMutants, queueMutants, receiptFormatMutants, followMutants, discoveryEdgeMutants, partitionMutants,
		sessionReadMutants, importsMutants, assignmentEdgeMutants, discoveryOutageMutants, processMutants, groupEdgeMutants, importerEdgeMutants, drainMutants, http1Mutants, http1WritingMutants, http1DialMutants, http1EdgeMutants)
}

// killers are the tests that must fail, by the directory of their package.
func (m *mutant) killers() map[string][]string {
	killers := map[string][]string{}
	for _, test := range strings.Fields(m.by) {
		dir, name := m.in, test
		if i := strings.LastIndexByte(test, '.'); i >= 0 {
			dir, name = test[:i], test[i+1:]
		}
		killers[dir] = append(killers[dir], name)
	}
	return killers
}

// everyTest is by with all tests of the same packages.
func (m *mutant) everyTest() string {
	var all []string
	for dir := range m.killers() {
		all = append(all, dir+`.\w+`)
	}
	return strings.Join(all, " ")
}

// mutate returns the file of the package below root that holds the old text, and
// what the mutant makes of it.
func (m *mutant) mutate(root string) (path string, text []byte, err error) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(m.in), "*.go"))
	if err != nil {
		return "", nil, err
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		code, err := os.ReadFile(file)
		if err != nil {
			return "", nil, err
		}
		if n := strings.Count(string(code), m.old); n > 0 {
			path, text = file, []byte(strings.Replace(string(code), m.old, m.new, 1))
			found += n
		}
	}
	if found != 1 {
		return "", nil, fmt.Errorf("the old text occurs %d times in %s, want once: %s", found, m.in, m.old)
	}
	return path, text, nil
}

var testName = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)

// testsIn lists the tests of the package in the directory.
func testsIn(root, dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, match := range testName.FindAllSubmatch(code, -1) {
			names = append(names, string(match[1]))
		}
	}
	return names, nil
}
