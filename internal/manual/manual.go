package manual

import (
	"flag"
	"strings"
)

// Manual describes a program that has commands.
type Manual struct {
	Program     string   // its name, in lower case
	Purpose     string   // half a sentence, for the first line
	Description []string // paragraphs
	Commands    []Command
	Sections    []Section // after the commands
}

// Command describes one command.
type Command struct {
	Name    string
	Default bool     // it runs when no command is named
	Args    []string // its positional arguments, all required, as they are shown
	About   string   // one paragraph
	Flags   []Flag   // in the order in which they are shown
}

// Flag describes one flag.
type Flag struct {
	Name  string
	Value string // what stands for its value, as in NAME; "" for a switch
	Usage string // half a sentence, in lower case
}

// Section is a headed part of the manual.
type Section struct {
	Title  string
	Blocks []Block
}

// Block is a paragraph, a list of terms or lines that are shown as they are.
// One of its fields is set.
type Block struct {
	Text  string
	Terms []Term
	Lines []string
}

// Term explains one word.
type Term struct{ Word, Meaning string }

// FlagsOf describes the flags of a set, sorted by name, with their defaults.
func FlagsOf(set *flag.FlagSet) []Flag {
	var flags []Flag
	set.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		switch f.DefValue {
		case "", "0", "false":
		default:
			usage += " (default " + whole.Replace(f.DefValue) + ")"
		}
		flags = append(flags, Flag{f.Name, value, usage})
	})
	return flags
}

// whole writes the durations of whole minutes and hours without what is zero.
var whole = strings.NewReplacer("h0m0s", "h", "m0s", "m")

// synopsis returns the command as it is typed: "check [-sample N]".
func (c Command) synopsis() string {
	parts := []string{c.Name}
	if c.Default {
		parts[0] = "[" + c.Name + "]"
	}
	for _, f := range c.Flags {
		parts = append(parts, "["+f.synopsis()+"]")
	}
	return strings.Join(append(parts, c.Args...), " ")
}

// synopsis returns the flag as it is typed: "-sample N".
func (f Flag) synopsis() string {
	if f.Value == "" {
		return "-" + f.Name
	}
	return "-" + f.Name + " " + f.Value
}
