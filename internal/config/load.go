package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// Load builds the configuration from environ, a list of NAME=value such as
// os.Environ returns. It reads nothing else but the files that *_FILE
// variables name. An error is a join of one [*Fault] per problem; there is no
// configuration then.
//
// memory is the limit of the container in bytes, 0 for none. Where it has no room for
// the buffer the default becomes smaller, and a size that the environment sets is a
// fault.
func Load(environ []string, memory Size) (*Config, error) {
	settings := Settings()
	l := loader{
		env:      parseEnviron(environ),
		settings: make(map[string]Setting, len(settings)),
		config:   &Config{effective: make(map[string]string)},
		faulty:   make(map[string]bool),
	}
	for _, s := range settings {
		l.settings[s.Variable] = s
		l.load(s)
	}
	l.validate(settings)
	l.fitMemory(memory)
	l.refuseUnknown(settings)
	if len(l.faults) > 0 {
		return nil, errors.Join(l.faults...)
	}
	return l.config, nil
}

// parseEnviron returns the variables that have a value: empty or blank equals
// unset. Of two with one name the later counts.
func parseEnviron(environ []string) map[string]string {
	env := make(map[string]string)
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		delete(env, name)
		if strings.TrimSpace(value) != "" {
			env[name] = value
		}
	}
	return env
}

// loader fills one Config and gathers what is wrong.
type loader struct {
	env      map[string]string
	settings map[string]Setting // by variable
	config   *Config
	faults   []error
	faulty   map[string]bool // variables with a fault, not to be judged twice
}

// add records a fault of the setting's variable, or of its _FILE twin if the
// environment sets that.
func (l *loader) add(s Setting, value, problem string) {
	variable := s.Variable
	if path := l.path(s); path != "" {
		variable, value = s.FileVariable(), path
	}
	l.faults = append(l.faults, &Fault{variable, shown(s, value), problem, l.remedy(s, variable, problem)})
	l.faulty[s.Variable] = true
}

// remedy returns what to do about a problem of the setting's variable, or of its _FILE
// twin: where another setting is missing, to set that one is as good.
func (l *loader) remedy(s Setting, variable, problem string) string {
	if other, ok := strings.CutPrefix(problem, "needs "); ok {
		return "set " + other + ", or correct " + variable
	}
	if other, ok := strings.CutPrefix(problem, "has no effect without "); ok {
		return "set " + other + ", or remove " + variable
	}
	if l.env[variable] == "" && s.Default == "" {
		return "set " + variable
	}
	return "correct " + variable
}

// text returns what the setting's variable holds, or its default.
func (l *loader) text(s Setting) string {
	if text := strings.TrimSpace(l.env[s.Variable]); text != "" {
		return text
	}
	return s.Default
}

// path returns what a secret's _FILE variable holds, or "".
func (l *loader) path(s Setting) string {
	if !s.Secret() {
		return ""
	}
	return strings.TrimSpace(l.env[s.FileVariable()])
}

// field returns the setting's field of the configuration.
func (l *loader) field(s Setting) reflect.Value {
	return reflect.ValueOf(l.config).Elem().FieldByIndex(s.index)
}

// load fills the setting's field from the environment.
func (l *loader) load(s Setting) {
	if s.Secret() {
		l.loadSecret(s)
		return
	}
	text := l.text(s)
	if text == "" {
		if s.Required {
			l.add(s, "", "it is required")
		}
		return
	}
	field := l.field(s)
	if err := decode(s, text, field); err != nil {
		l.add(s, text, err.Error())
		return
	}
	l.config.effective[s.Variable] = text
}

// loadSecret fills a secret's field from its variable or from the file that
// its twin names.
func (l *loader) loadSecret(s Setting) {
	text, path := l.env[s.Variable], l.path(s)
	field := l.field(s)
	switch {
	case text != "" && path != "":
		l.add(s, "", "set this or "+s.Variable+", not both")
	case path != "":
		secret, err := secretFromFile(path, s.check())
		if err != nil {
			l.add(s, "", "want a file that holds the secret: "+err.Error())
			return
		}
		field.Set(reflect.ValueOf(secret))
		l.config.effective[s.Variable] = "(file: " + path + ")"
	case text != "":
		secret := field.Addr().Interface().(*Secret)
		_ = secret.Decode(text) // never fails
		l.config.effective[s.Variable] = redacted
		if err := s.check()(secret.Value()); err != nil {
			l.add(s, "", err.Error())
		}
	case s.Required:
		l.add(s, "", "it is required (or "+s.FileVariable()+", a file that holds it)")
	}
}

// decode converts text into field and checks it against the setting's words
// and bounds. The error says what is accepted.
func decode(s Setting, text string, field reflect.Value) error {
	if s.OneOf != nil {
		i := slices.IndexFunc(s.OneOf, func(word string) bool { return strings.EqualFold(word, text) })
		if i < 0 {
			return errors.New("want one of " + strings.Join(s.OneOf, ", "))
		}
		text = s.OneOf[i]
	}
	value, err := convert(s.Kind, field.Type(), text)
	if err != nil {
		return err
	}
	if !withinBounds(s, value) {
		return errors.New("want " + bounds(s))
	}
	field.Set(value)
	return nil
}

// convert lets envconfig turn text into a value of type t. It is called for
// one value at a time because it stops at its first fault, and the text is
// handed over as the default of a variable that cannot exist (no name holds
// '=') because it would otherwise read the process's own environment. Numbers
// are handed over without leading zeros: it would take those for octal.
func convert(kind Kind, t reflect.Type, text string) (reflect.Value, error) {
	if kind == KindInteger {
		n, err := strconv.Atoi(text)
		if err != nil {
			return reflect.Value{}, errors.New("want a whole number")
		}
		text = strconv.Itoa(n)
	}
	tag := reflect.StructTag(`envconfig:"=" default:` + strconv.Quote(text))
	spec := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "Value", Type: t, Tag: tag}}))
	err := envconfig.Process("", spec.Interface())
	if err == nil {
		return spec.Elem().Field(0), nil
	}
	switch kind {
	case KindDuration:
		return reflect.Value{}, errors.New("want a duration such as 500ms, 30s or 5m")
	case KindBoolean:
		return reflect.Value{}, errors.New("want true or false")
	}
	// Our own decoders; envconfig's wrapping repeats the raw value.
	if pe, ok := errors.AsType[*envconfig.ParseError](err); ok {
		err = pe.Err
	}
	return reflect.Value{}, err
}

// withinBounds reports whether a number, size or duration lies within the setting's min
// and max.
func withinBounds(s Setting, value reflect.Value) bool {
	within := func(text string, ok func(value, limit int64) bool) bool {
		if text == "" {
			return true
		}
		limit, err := convert(s.Kind, value.Type(), text)
		return err == nil && ok(value.Int(), limit.Int())
	}
	return within(s.Min, func(v, limit int64) bool { return v >= limit }) &&
		within(s.Max, func(v, limit int64) bool { return v <= limit })
}

// bounds describes the setting's min and max.
func bounds(s Setting) string {
	switch {
	case s.Max == "":
		return "at least " + s.Min
	case s.Min == "":
		return "at most " + s.Max
	}
	return fmt.Sprintf("between %s and %s", s.Min, s.Max)
}
