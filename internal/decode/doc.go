// Package decode turns values that name a schema of a registry into plain JSON:
// Avro, Protobuf and JSON Schema in Confluent's wire format. It owns the cache of
// compiled schemas and the client of the registry, and knows no Kafka.
//
// # Use
//
// The process has one [Schemas]. cmd/bridge makes it, and runs its Run, which asks the
// registry in the background. Each goroutine that decodes, in packages fetch and scan,
// takes a [Decoder] of its own from it. Decode never
// waits: where a schema is not known yet it returns [*Waiting], whose channel says
// when to come again, so that a partition that waits stops no other one.
//
// # What a value becomes
//
// Avro: records and maps become objects in the order of their data, unions the value
// without a wrapper, enums their symbol, bytes and fixed a string of base64, int and
// long numbers with all their digits. Of the logical types decimal becomes a string
// such as "12.30", date, time-* and timestamp-* the forms of RFC 3339 with as many
// decimals as the type has, local-timestamp-* the same without a zone, a fixed uuid
// its text, and duration the form of ISO 8601. What is no number (NaN and the
// infinities) becomes a string, as in Protobuf's JSON. Logical types that are not
// known are passed over, as the specification wants it.
//
// Protobuf: its canonical JSON (https://protobuf.dev/programming-guides/json), in
// which integers of 64 bits are strings and fields without presence that hold their
// default are left out. Fields that the schema does not know are left out as well.
//
// JSON Schema: the value as it is, behind what names the schema. It is not compared
// with the schema.
//
// # Bounds
//
// A value is read by the schema that it was written with, in one pass that writes
// into memory of the caller and allocates nothing, unless a Protobuf message holds a
// field mask or its fields come out of order. Data decides neither how deep the stack
// grows nor how much memory is taken, and each item of a list that has no bytes needs
// room for its JSON. Schemas that are kept are bounded in number and size.
//
// # The registry
//
// While it does not answer, or refuses the credentials, one request at a time finds
// out whether that has ended, with a growing pause between; [Schemas.Trouble] says
// why. A schema that it does not have makes its records invalid, for a minute at a
// time; but as a registry's copies may learn of a schema a little later than the
// first record needs it, a record that is younger than five seconds waits that long.
// A schema that cannot be compiled makes its records invalid.
//
// Errors and rejections hold nothing of a value, and no credentials.
package decode
