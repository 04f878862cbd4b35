package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSubjects_takePart(t *testing.T) {
	o, err := parse([]string{"-straightline", "s", "-bento", "b", "-against", "a"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"zstd":       {bridgeName, againstName, straightName, bentoName},
		"slow-store": {bridgeName, againstName, straightName, orderedName, bentoName},
		"tls":        {bridgeName, againstName, straightName, bentoName},
		"avro":       {bridgeName, againstName},
	}
	for i := range o.scenarios {
		s, got := &o.scenarios[i], []string(nil)
		for _, subject := range o.subjects() {
			if subject.takesPart(s) {
				got = append(got, subject.name)
			}
		}
		if want := want[s.name]; want != nil && !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", s.name, got, want)
		}
	}
}

// With TLS each subject is told the credentials, and the addresses that speak it.
func TestSetup_encryption(t *testing.T) {
	o, err := parse([]string{"-straightline", "s", "-bento", "b", "-scenarios", "tls"})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{options: o, cluster: &kafka{brokers: "plain:1"}, store: &sink{base: "http://plain", secure: "https://safe"}}
	in, where := &o.scenarios[0], &topic{name: "t"}
	if r, err := b.setup(&o.subjects()[0], in, where); err == nil {
		t.Errorf("a Kafka without TLS is taken: %+v", r)
	}
	b.cluster.tls = &credentials{brokers: "safe:1", ca: "CA", cert: "CERT", key: "KEY"}
	for _, subject := range o.subjects() {
		r, err := b.setup(&subject, in, where)
		if err != nil {
			t.Fatal(err)
		}
		cmd := subject.command(t.Context(), r)
		said := append(cmd.Args, cmd.Env...)
		for _, wants := range []string{"safe:1", "https://safe", "CA", "CERT", "KEY"} {
			if !slices.ContainsFunc(said, func(s string) bool { return containsWord(s, wants) }) {
				t.Errorf("%s is not told %s", subject.name, wants)
			}
		}
	}
}

func containsWord(s, word string) bool {
	return slices.Contains(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(`= "{},[]`, r) }), word)
}
