package config

import (
	"time"

	"kafka-import-bridge/internal/record"
)

// Value holds what part of a record's value is stored, and how values are written.
type Value struct {
	Source record.ValueSource `envconfig:"BRIDGE_VALUE" default:"whole" desc:"Which part of the record's value is the object: whole, or field:PATH for an envelope (dotted path: field:payload.after of Debezium, field:data of CloudEvents). The line is that object's own bytes. null there is a tombstone, nothing there makes the record invalid. Paths of BRIDGE_ID and BRIDGE_NAMESPACE begin in the object, or with a leading slash (field:/payload.source.table) in the whole value."`
	Format ValueFormat        `envconfig:"BRIDGE_VALUE_FORMAT" default:"json" oneof:"json|registry" desc:"How values are written: json, or registry for Confluent's wire format (a magic byte and a schema id before the value, or a GUID in the header __value_schema_id): Avro, Protobuf and JSON Schema become plain JSON. It needs BRIDGE_SCHEMA_REGISTRY_URL. A value that its schema does not fit is invalid; while the registry is away the partitions that need a schema wait."`

	Registry Registry
}

// Registry holds the address of the schema registry and the login to it.
type Registry struct {
	URL      URL    `envconfig:"BRIDGE_SCHEMA_REGISTRY_URL" only:"BRIDGE_VALUE_FORMAT=registry" requiredby:"BRIDGE_VALUE_FORMAT=registry" desc:"Base URL of the schema registry, with its path if it has one (https://registry/apis/ccompat/v7). Plain http is accepted for loopback hosts only, unless BRIDGE_ALLOW_INSECURE_HTTP=true."`
	Username string `envconfig:"BRIDGE_SCHEMA_REGISTRY_USERNAME" only:"BRIDGE_VALUE_FORMAT=registry" desc:"User, or API key, for the schema registry; none is sent when unset."`
	Password Secret `envconfig:"BRIDGE_SCHEMA_REGISTRY_PASSWORD" only:"BRIDGE_VALUE_FORMAT=registry" desc:"Password, or API secret, for the schema registry."`
	CAFile   string `envconfig:"BRIDGE_SCHEMA_REGISTRY_CA_FILE" only:"BRIDGE_VALUE_FORMAT=registry" desc:"PEM file with further roots for the schema registry."`
}

// Namespace holds how the namespaces of a record are found.
type Namespace struct {
	Source record.NamespaceSource `envconfig:"BRIDGE_NAMESPACE" default:"topic" desc:"Where a record's namespaces come from: topic, key, static:NAME, header:NAME (may be a comma-separated list) or field:PATH (dotted path in the JSON value; a string, or an array of strings for fan-out). One bad namespace makes the record invalid as a whole."`

	// Map renames what Source found, before Allow is asked.
	Map record.Map `envconfig:"BRIDGE_NAMESPACE_MAP" desc:"Renames namespaces: from=to or from=to1+to2, comma-separated; *=to catches what nothing else names."`

	// Allow is unset where every valid namespace is accepted.
	Allow Regexp `envconfig:"BRIDGE_NAMESPACE_ALLOW" desc:"Regular expression that a whole namespace must match; others make the record invalid."`
}

// ID holds how the id of a line is found.
type ID struct {
	Source  record.IDSource `envconfig:"BRIDGE_ID" default:"field:id" desc:"Where a line's id comes from: field:PATH, key, header:NAME or offset (topic-partition-offset). If it is not field:id the line's id is set from it. A key or header must be text: UTF-8 without control characters."`
	Numbers IDNumbers       `envconfig:"BRIDGE_ID_NUMBERS" default:"reject" oneof:"reject|string" desc:"An id that is a JSON number: reject the record, or take the number's own text as a string."`
}

// Policies hold what becomes of records and batches that cannot be imported, and the
// topics that the bridge writes to.
type Policies struct {
	OnInvalid         record.Policy `envconfig:"BRIDGE_ON_INVALID" default:"hold" oneof:"hold|dlq|skip" desc:"A record that cannot become a line (no single JSON object, no string id, no or bad namespace, too large): hold pins the partition's committed offset there and goes on with the rest, dlq sends it to BRIDGE_DLQ_TOPIC, skip leaves it out and counts it."`
	Skip              SkipRecords   `envconfig:"BRIDGE_SKIP_RECORDS" desc:"Records to leave out by name, topic/partition@offset or topic/partition@first-last, comma-separated; counted as operator."`
	OnTombstone       record.Policy `envconfig:"BRIDGE_ON_TOMBSTONE" default:"skip" oneof:"skip|dlq|hold" desc:"A record with a null value."`
	OnRejected        record.Policy `envconfig:"BRIDGE_ON_REJECTED" default:"hold" oneof:"hold|dlq" desc:"A batch that the import API or the store refuses for good: hold its namespace and probe it (other namespaces go on), or dlq its records."`
	HoldProbeInterval time.Duration `envconfig:"BRIDGE_HOLD_PROBE_INTERVAL" default:"1m" min:"1ms" desc:"How often a held namespace is tried again."`
	ReceiptsTopic     string        `envconfig:"BRIDGE_RECEIPTS_TOPIC" desc:"Topic for one receipt per import, which names the records that it is made of; bridge verify accounts for every record by them. Offsets wait for a receipt's acknowledgement. The bridge never creates it. None when unset."`
	DLQTopic          string        `envconfig:"BRIDGE_DLQ_TOPIC" desc:"Topic for dead letters, required by any dlq policy. The bridge never creates it; a record too large for it is held."`
}
