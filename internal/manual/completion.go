package manual

import (
	"fmt"
	"strings"
)

// Bash returns completions for bash: the name of a command, then its flags.
func (m Manual) Bash() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# bash completion for %[1]s
_%[1]s() {
  local word=${COMP_WORDS[COMP_CWORD]} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    words=%[2]q
  else
    case ${COMP_WORDS[1]} in
`, m.Program, strings.Join(m.names(), " "))
	for _, c := range m.Commands {
		if len(c.Flags) > 0 {
			fmt.Fprintf(&b, "    %s) words=%q ;;\n", c.Name, strings.Join(c.flags(), " "))
		}
	}
	fmt.Fprintf(&b, `    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _%[1]s %[1]s
`, m.Program)
	return b.String()
}

// Zsh returns completions for zsh, with what commands and flags do.
func (m Manual) Zsh() string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %[1]s\nlocal -a commands=(\n", m.Program)
	for _, c := range m.Commands {
		fmt.Fprintf(&b, "  %s\n", quoted(c.Name+":"+firstSentence(c.About)))
	}
	b.WriteString(")\nif ((CURRENT == 2)); then\n  _describe command commands\n  return\nfi\ncase $words[2] in\n")
	for _, c := range m.Commands {
		if len(c.Flags) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s)\n  _arguments", c.Name)
		for _, f := range c.Flags {
			spec := "-" + f.Name + "[" + strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`).Replace(f.Usage) + "]"
			if f.Value != "" {
				spec += ":" + f.Value + ":"
			}
			fmt.Fprintf(&b, " \\\n    %s", quoted(spec))
		}
		b.WriteString("\n  ;;\n")
	}
	b.WriteString("esac\n")
	return b.String()
}

// Fish returns completions for fish, with what commands and flags do.
func (m Manual) Fish() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# fish completion for %s\ncomplete -c %[1]s -f\n", m.Program)
	for _, c := range m.Commands {
		fmt.Fprintf(&b, "complete -c %s -n __fish_use_subcommand -a %s -d %s\n", m.Program, c.Name, quoted(firstSentence(c.About)))
		for _, f := range c.Flags {
			needs := ""
			if f.Value != "" {
				needs = " -x"
			}
			fmt.Fprintf(&b, "complete -c %s -n '__fish_seen_subcommand_from %s' -o %s%s -d %s\n", m.Program, c.Name, f.Name, needs, quoted(f.Usage))
		}
	}
	return b.String()
}

func (m Manual) names() []string {
	names := make([]string, len(m.Commands))
	for i, c := range m.Commands {
		names[i] = c.Name
	}
	return names
}

func (c Command) flags() []string {
	names := make([]string, len(c.Flags))
	for i, f := range c.Flags {
		names[i] = "-" + f.Name
	}
	return names
}

// quoted puts text between single quotes, for zsh and fish alike.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

func firstSentence(text string) string {
	sentence, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(sentence, ".")
}
