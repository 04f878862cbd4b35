package manual_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/manual"
	"kafka-import-bridge/test/provision"
)

// example has one of everything, with what the formats would read otherwise.
func example() manual.Manual {
	set := flag.NewFlagSet("find", flag.ContinueOnError)
	set.String("name", "", `find what is called `+"`NAME`"+`, as in [it's: "a\b"]`)
	set.Duration("wait", 10*time.Minute, "give up after `DURATION`")
	set.Bool("json", false, "print JSON")
	return manual.Manual{
		Program: "finder", Purpose: "find - and lose - things",
		Description: []string{strings.Repeat("It finds what was lost. ", 12), ".It also begins with a dot."},
		Commands: []manual.Command{
			{Name: "serve", Default: true, About: "Serve until told to stop. It's the default."},
			{Name: "find", Args: []string{"PLACE", "THING"}, About: "Find a thing in a place.", Flags: manual.FlagsOf(set)},
		},
		Sections: []manual.Section{{Title: "ENVIRONMENT", Blocks: []manual.Block{
			{Text: "'Quoted' at the start."},
			{Terms: []manual.Term{{Word: "FINDER_PLACE", Meaning: "where to look"}, {Word: "X", Meaning: strings.Repeat("long ", 30)}}},
			{Lines: []string{"finder find attic hat", ".dot"}},
		}}},
	}
}

func TestManual_usage(t *testing.T) {
	const want = `usage: finder [serve]
       finder find [-json] [-name NAME] [-wait DURATION] PLACE THING
`
	if got := example().Usage(); got != want {
		t.Errorf("usage is\n%s\nwant\n%s", got, want)
	}
}

func TestManual_textFitsATerminal(t *testing.T) {
	text := example().Text()
	for line := range strings.Lines(text) {
		if len(strings.TrimRight(line, "\n")) > 79 {
			t.Errorf("a line of %d characters: %s", len(line)-1, line)
		}
	}
	for _, want := range []string{"    finder - find - and lose - things\n", "    find PLACE THING\n        Find a thing in a place.\n",
		"        -wait DURATION\n            give up after DURATION (default 10m)\n", "    FINDER_PLACE  where to look\n", "    .dot\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
}

// Every form names every command and flag.
func TestManual_formsAreComplete(t *testing.T) {
	m := example()
	for form, text := range map[string]string{"text": m.Text(), "roff": strings.ReplaceAll(m.Roff("2026-11-29", "1.2.3"), `\-`, "-"), "bash": m.Bash(), "zsh": m.Zsh(), "fish": m.Fish()} {
		for _, want := range []string{"serve", "find", "-name", "-wait", "-json"} {
			if form == "fish" {
				want = strings.Replace(want, "-", "-o ", 1)
			}
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", form, want, text)
			}
		}
	}
}

func TestManual_roffIsAManPage(t *testing.T) {
	mandoc := provision.Program(t, "mandoc", "apt-get install mandoc")
	file := filepath.Join(t.TempDir(), "finder.1")
	if err := os.WriteFile(file, []byte(example().Roff("2026-11-29", "1.2.3")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), mandoc, "-T", "lint", "-W", "warning", file).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), mandoc, "-T", "ascii", "-O", "width=200", file).CombinedOutput()
	if err != nil {
		t.Fatalf("mandoc: %v\n%s", err, out)
	}
	// Bold is a letter, a backspace and the letter again.
	shown := string(out)
	for i := strings.IndexByte(shown, '\b'); i > 0; i = strings.IndexByte(shown, '\b') {
		shown = shown[:i-1] + shown[i+1:]
	}
	for _, want := range []string{"finder - find - and lose - things", ".It also begins with a dot.", "'Quoted' at the start.", `[it's: "a\b"]`, "finder find attic hat\n", ".dot\n"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page lacks %q:\n%s", want, shown)
		}
	}
}

func TestManual_bashCompletes(t *testing.T) {
	for line, want := range map[string]string{"": "serve find", "f": "find", "find -": "-json -name -wait", "find -w": "-wait", "serve -": "", "other x": ""} {
		words := append([]string{"finder"}, strings.Split(line, " ")...)
		script := example().Bash() + `COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _finder; echo "${COMPREPLY[*]}"`
		cmd := exec.CommandContext(t.Context(), "bash", slices.Concat([]string{"-c", script, "bash"}, words)...)
		out, err := cmd.CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != want {
			t.Errorf("%q completes to %q (%v), want %q", line, got, err, want)
		}
	}
}

// There is no zsh and no fish to ask: these compare with what they document.
func TestManual_otherShells(t *testing.T) {
	zsh := example().Zsh()
	for _, want := range []string{"#compdef finder\n", "  'serve:Serve until told to stop'\n", `'-wait[give up after DURATION (default 10m)]:DURATION:'`, `as in \[it'\''s\: "a\b"\]]:NAME:'`} {
		if !strings.Contains(zsh, want) {
			t.Errorf("zsh lacks %q:\n%s", want, zsh)
		}
	}
	fish := example().Fish()
	for _, want := range []string{"complete -c finder -n __fish_use_subcommand -a serve -d 'Serve until told to stop'\n", "complete -c finder -n '__fish_seen_subcommand_from find' -o name -x -d 'find", "-o json -d 'print JSON'\n"} {
		if !strings.Contains(fish, want) {
			t.Errorf("fish lacks %q:\n%s", want, fish)
		}
	}
}
