// Package config owns the bridge's settings: their names, defaults, meaning
// and validation.
//
// Everything comes from environment variables. The struct tags of [Config] are
// the only table of settings: loading, `bridge config`, docs/settings.md and
// the chart's schema are all derived from them, so a setting is added in one
// place. What a setting means is said once, in its desc; a comment beside the field
// says what only the code has to know. The tags are
//
//	envconfig  the variable's name
//	default    the text used when the variable is unset or empty
//	required   "true" when there is no default and the variable must be set
//	only       VARIABLE or VARIABLE=value, without which the setting has no effect
//	requiredby VARIABLE=value|value, with which the setting must be set
//	oneof      the accepted words, separated by '|' (case is forgiven)
//	min, max   inclusive bounds, written like a value of the field's type
//	desc       the meaning, one paragraph, printed to users
//	section    of a struct: the heading of its settings in docs/settings.md
//
// [Load] reports every fault at once, each naming its variable, the value
// (never that of a secret) and what is accepted. A value that loads is usable:
// no other package validates a setting again.
//
// Only cmd/bridge and the chart's generator import this package; the other rooms take
// plain values.
// A Config is read-only after Load and safe for concurrent use. [Secret] is
// safe for concurrent use, including its Reload.
package config
