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
	manual.Command // without its flags

	// prepare adds the command's flags to the set, and returns what runs once
	// they are parsed. It does nothing else.
	prepare func(*flag.FlagSet) action
}

// action runs a command whose flags are parsed. The invocation's args are the
// positional ones, as many as the command names.
type action func(context.Context, invocation) error

// misuse is an error that an action finds in its flags or arguments.
type misuse struct{ error }

// programName is the program's name in the help.
const programName = "bridge"

// defaultCommand runs when no command is named.
const defaultCommand = "run"

// commands returns all commands in the order of the help.
func commands() []command {
	return []command{
		{manual.Command{Name: defaultCommand, Default: true, About: "Bridge until told to stop. The default."}, runCommand},
		{manual.Command{Name: "check", About: "Try what run needs and print one line for each thing, beginning with ok or fail: brokers, authentication, topics, permissions and the API key. Consumes and imports nothing."}, checkCommand},
		{manual.Command{Name: "config", About: "Print every setting with its default and the value in force; secrets are redacted."}, configCommand},
		{manual.Command{Name: "import", Args: []string{"NAMESPACE", "REQUEST_ID"}, About: "Print what became of one import: its status, the number of its results and what the API says about errors, which may hold parts of records. The log line \"imported\" has the request id."}, importCommand},
		{manual.Command{Name: "record", Args: []string{"TOPIC/PARTITION@OFFSET"}, About: "Print what became of one record, by the receipts and dead letters: the import that holds it and what the API made of that, where the dead-letter topic has it, or what it waits for. Reads Kafka outside of the group and changes nothing."}, recordCommand},
		{manual.Command{Name: "rules", About: "Print alerts for Prometheus, as a file of rules that it loads as it is. Reads no configuration."}, rulesCommand},
		{manual.Command{Name: "verify", About: "Account for every record below the committed offsets, by the receipts and dead letters: print for each partition how many are covered by a receipt, dead-lettered, left out by a policy, missing, and covered twice. Reads Kafka outside of the group and changes nothing."}, verifyCommand},
		{manual.Command{Name: "version", About: "Print the version, the revision and the toolchain."}, versionCommand},
		{manual.Command{Name: "help", About: "Print this."}, helpCommand},
	}
}

// run parses the arguments and runs the command. Mistakes are printed on stderr,
// together with the usage.
func (c command) run(ctx context.Context, inv invocation) error {
	set := flag.NewFlagSet("bridge "+c.Name, flag.ContinueOnError)
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
	case given > len(c.Args):
		fmt.Fprintf(inv.stderr, "%s: unexpected argument %q\n", set.Name(), inv.args[len(c.Args)])
	case given < len(c.Args):
		fmt.Fprintf(inv.stderr, "%s: %s is missing\n", set.Name(), strings.Join(c.Args[given:], " "))
	default:
		err := act(ctx, inv)
		if mistake, ok := errors.AsType[misuse](err); ok {
			fmt.Fprintf(inv.stderr, "%s: %v\n", set.Name(), mistake)
			return errUsage
		}
		return err
	}
	set.Usage()
	return errUsage
}

// describe returns the part of the manual that is about the commands.
func describe(all []command) manual.Manual {
	m := manual.Manual{Program: programName}
	for _, c := range all {
		set := flag.NewFlagSet(c.Name, flag.ContinueOnError)
		c.prepare(set)
		c.Flags = manual.FlagsOf(set)
		m.Commands = append(m.Commands, c.Command)
	}
	return m
}
