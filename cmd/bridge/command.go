package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"kafka-import-bridge/internal/manual"
)

// command is one thing that the program does. Help, man page and completions
// are made from it.
type command struct {
	name  string
	about string   // one paragraph
	args  []string // the names of its positional arguments, all required

	// prepare adds the command's flags to the set, and returns what runs once
	// they are parsed. It does nothing else.
	prepare func(*flag.FlagSet) action
}

// action runs a command whose flags are parsed. The invocation's args are the
// positional ones, as many as the command names.
type action func(context.Context, invocation) error

// programName is the program's name in the help.
const programName = "bridge"

// defaultCommand runs when no command is named.
const defaultCommand = "run"

func commands() []command {
	return []command{
		{name: defaultCommand, prepare: runCommand, about: "Bridge until told to stop. The default."},
		{name: "check", prepare: checkCommand, about: "Try what run needs and print one line for each thing, beginning with ok or fail: brokers, authentication, topics, permissions and the API key. Consumes and imports nothing."},
		{name: "config", prepare: configCommand, about: "Print every setting with its default and the value in force; secrets are redacted."},
		{name: "import", prepare: importCommand, args: []string{"NAMESPACE", "REQUEST_ID"}, about: "Print what became of one import: its status, the number of its results and what the API says about errors, which may hold parts of records. The log line \"imported\" has the request id."},
		{name: "record", prepare: recordCommand, args: []string{"TOPIC/PARTITION@OFFSET"}, about: "Print what became of one record, by the receipts and dead letters: the import that holds it and what the API made of that, where the dead-letter topic has it, or what it waits for. Reads Kafka outside of the group and changes nothing."},
		{name: "rules", prepare: rulesCommand, about: "Print alerts for Prometheus, as a file of rules that it loads as it is. Reads no configuration."},
		{name: "verify", prepare: verifyCommand, about: "Account for every record below the committed offsets, by the receipts and dead letters: print for each partition how many are covered by a receipt, dead-lettered, left out by a policy, missing, and covered twice. Reads Kafka outside of the group and changes nothing."},
		{name: "version", prepare: versionCommand, about: "Print the version, the revision and the toolchain."},
		{name: "help", prepare: helpCommand, about: "Print this."},
	}
}

// run parses the arguments and runs the command. Mistakes are printed on stderr,
// together with the usage.
func (c command) run(ctx context.Context, inv invocation) error {
	set := flag.NewFlagSet("bridge "+c.name, flag.ContinueOnError)
	set.SetOutput(inv.stderr)
	set.Usage = func() {
		fmt.Fprint(inv.stderr, describe([]command{c}).Usage())
		set.PrintDefaults()
	}
	act := c.prepare(set)
	if err := set.Parse(inv.args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return errUsage
	}
	inv.args = set.Args()
	switch given := len(inv.args); {
	case given > len(c.args):
		fmt.Fprintf(inv.stderr, "%s: unexpected argument %q\n", set.Name(), inv.args[len(c.args)])
	case given < len(c.args):
		fmt.Fprintf(inv.stderr, "%s: %s is missing\n", set.Name(), strings.Join(c.args[given:], " "))
	default:
		return act(ctx, inv)
	}
	set.Usage()
	return errUsage
}

// describe is the part of the manual that speaks of the commands.
func describe(all []command) manual.Manual {
	m := manual.Manual{Program: programName}
	for _, c := range all {
		set := flag.NewFlagSet(c.name, flag.ContinueOnError)
		c.prepare(set)
		m.Commands = append(m.Commands, manual.Command{
			Name: c.name, Default: c.name == defaultCommand, Args: c.args, About: c.about, Flags: manual.FlagsOf(set),
		})
	}
	return m
}
