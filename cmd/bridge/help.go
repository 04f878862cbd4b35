package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/manual"
)

// helpCommand prepares `bridge help`, which prints the manual in one of its forms.
func helpCommand(set *flag.FlagSet) action {
	man := set.String("man", "", "print the man page instead, dated `DATE`")
	name := set.String("as", programName, "call the program `NAME` in man page and completions, where it is installed under another name")
	shell := set.String("completion", "", "print completions for `SHELL` instead: bash, zsh or fish")
	return func(_ context.Context, inv invocation) error {
		m := describe(commands())
		m.Program = *name
		m.Purpose, m.Description = purpose, []string{"The bridge " + description, "Several of them share the work, up to one for each partition."}
		text := ""
		switch {
		case *man != "":
			m.Sections = sections(*name, allSettings())
			text = m.Roff(*man, currentBuild().Version)
		case *shell == "bash":
			text = m.Bash()
		case *shell == "zsh":
			text = m.Zsh()
		case *shell == "fish":
			text = m.Fish()
		case *shell != "":
			return misuse{fmt.Errorf("-completion wants bash, zsh or fish, not %q", *shell)}
		default:
			m.Sections = sections(*name, firstSettings(*name))
			text = m.Text()
		}
		_, err := io.WriteString(inv.stdout, text)
		return err
	}
}

const (
	purpose     = "import Kafka records by namespace, losing none"
	description = "reads the topics of a Kafka cluster as a member of a consumer group. Each record becomes one JSON line of one or more namespaces. Lines gather in a batch per namespace; a batch that is full or old enough is imported: the import API gives an upload URL, the batch is PUT there, and only then are its offsets committed."
)

// firstSettings returns the variables without which the bridge does not start.
func firstSettings(program string) []manual.Block {
	return []manual.Block{
		{Text: "All settings are environment variables. These four start it:"},
		{Terms: []manual.Term{
			{Word: "BRIDGE_KAFKA_BROKERS", Meaning: "host:port,..."},
			{Word: "BRIDGE_KAFKA_TOPICS", Meaning: "topic,..."},
			{Word: "BRIDGE_KAFKA_GROUP_ID", Meaning: "a consumer group for bridges only"},
			{Word: "SAFETYKIT_API_KEY", Meaning: "or SAFETYKIT_API_KEY_FILE"},
		}},
		{Text: program + " config lists the others. " + ofSettings},
	}
}

const ofSettings = "An empty variable equals an unset one. A misspelt one is an error. A secret can be given as a file through its _FILE variable; the file is read again when credentials are refused."

// allSettings returns all variables, for the man page.
func allSettings() []manual.Block {
	var terms []manual.Term
	for _, s := range config.Settings() {
		t := manual.Term{Word: s.Variable, Meaning: s.Meaning}
		if s.Secret() {
			t.Word += ", " + s.FileVariable()
		}
		if s.OneOf != nil {
			t.Meaning += " One of " + strings.Join(s.OneOf, ", ") + "."
		}
		if s.Default != "" {
			t.Meaning += " Default: " + s.Default + "."
		}
		terms = append(terms, t)
	}
	return []manual.Block{{Text: "All settings are environment variables. " + ofSettings}, {Terms: terms}}
}

// sections returns the sections of the manual, the environment variables among them.
func sections(program string, environment []manual.Block) []manual.Section {
	return []manual.Section{
		{Title: "ENVIRONMENT", Blocks: environment},
		{Title: "HTTP", Blocks: []manual.Block{
			{Text: "BRIDGE_HTTP_ADDR, by default :8080, serves"},
			{Terms: []manual.Term{
				{Word: "/", Meaning: "a page for people: what is read, imported and held, and why"},
				{Word: "/status", Meaning: "the same as JSON; /history the figures of five minutes"},
				{Word: "/metrics", Meaning: "for Prometheus"},
				{Word: "/healthz", Meaning: "200 unless a restart would help"},
				{Word: "/readyz", Meaning: "200 while it is a member of its group and is not stopping"},
			}},
		}},
		{Title: "SIGNALS", Blocks: []manual.Block{{Terms: []manual.Term{
			{Word: "SIGTERM, SIGINT", Meaning: "stop fetching, store what is open, commit, leave the group and exit. A second one exits at once."},
		}}}},
		{Title: "EXIT STATUS", Blocks: []manual.Block{{Terms: []manual.Term{
			{Word: "0", Meaning: "stopped cleanly; check: all is well; import: it has not failed; record: it is imported, dead-lettered or left out; verify: nothing is missing"},
			{Word: "1", Meaning: "failed while running; check: something is not well; import: it has failed, or the API does not tell; record: it waits, is held or missing, or its import has failed; verify: something is missing"},
			{Word: "2", Meaning: "bad configuration or usage"},
		}}}},
		{Title: "EXAMPLE", Blocks: []manual.Block{{Lines: []string{
			"export BRIDGE_KAFKA_BROKERS=kafka-0:9092",
			"export BRIDGE_KAFKA_TOPICS=users,listings",
			"export BRIDGE_KAFKA_GROUP_ID=bridge",
			"export SAFETYKIT_API_KEY_FILE=/run/secrets/api-key",
			program + " check -namespace users && " + program,
		}}}},
	}
}
