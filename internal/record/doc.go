// Package record turns one Kafka record into one JSON line for one or more
// namespaces, or into a rejection that says why it cannot become one. It owns
// the rules of what a valid record is, where its id and namespaces come from,
// and which bytes are stored. It is pure: no Kafka, no HTTP, no clock, no log.
//
// # Use
//
// Settings are checked once by NewMapper. The Mapper is immutable and safe for
// concurrent use; each goroutine takes a Worker of its own from it. A Worker
// caches namespace lists and keeps scratch memory, and is not safe for
// concurrent use.
//
// The decoders of package fetch call it, each on its goroutine, and package scan for
// the commands that read outside of the group.
//
// # What is accepted
//
// A value must be exactly one JSON object of RFC 8259 in valid UTF-8, with
// optional white space around it: no byte order mark, no raw control
// characters in strings, nothing after the object. Objects and arrays may nest
// up to MaxDepth levels; the stack does not grow with them. Numbers may have
// any number of digits. Escaped lone surrogates ("\ud800") are accepted, as
// the grammar does. Keys may repeat: for ids and namespaces the last one
// counts, as it does for most parsers, and keys are compared decoded, so
// "\u0069d" is "id". A key or header is an id if it is valid UTF-8 without
// control characters.
//
// # Envelopes
//
// Settings may name an object inside the value, by a path of keys: that one is
// stored instead, and its "id" is the line's. The whole value is checked all the
// same, in the same pass. null at the path is a tombstone, nothing there no_value,
// anything else that is no object not_json. The blanks around such an object belong
// to the envelope.
//
// # What is stored
//
// The line is the value's own bytes, blanks and tabs around the object
// included, unless these hold a raw line feed or carriage return or need
// another id. Then it is the same tokens in the same order without the white
// space between and around them; strings keep their escapes and numbers their
// digits. Where the id is set, the value of each top-level "id" is replaced, so
// that it does not matter which duplicate a reader believes; where there is
// none, it is added as the first member.
//
// # Order of checks
//
// A record is rejected for the first of: tombstone, not_json, no_value, no_id or bad_id,
// too_large (the line alone), no_namespace or bad_namespace, too_large (the line
// times its namespaces). Sizes are those of the final line, known before it is
// built: a value larger than the limit is accepted when its line is not. A list
// of namespaces is read only as far as the line fits.
//
// Rejections never hold anything that came out of a record.
package record
