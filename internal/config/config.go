package config

import (
	"log/slog"
	"time"
)

// Config holds every setting of the bridge, grouped by subject.
type Config struct {
	Kafka     Kafka     `section:"Kafka"`
	Value     Value     `section:"Values"`
	Namespace Namespace `section:"Namespaces and ids"`
	ID        ID        `section:"Namespaces and ids"`
	Policies  Policies  `section:"What cannot be imported, and receipts"`
	Batch     Batch     `section:"Batches and memory"`
	Buffer    Buffer    `section:"Batches and memory"`
	API       API       `section:"Import API"`
	Retry     Retry     `section:"Import API"`
	Follow    Follow    `section:"Import API"`
	HTTP      HTTP      `section:"The process"`
	Shutdown  Shutdown  `section:"The process"`
	Log       Log       `section:"The process"`

	// effective is the text in force of each variable, as it may be printed.
	effective map[string]string
}

// Batch holds the bounds of one import: its bytes, its lines and its age.
type Batch struct {
	// MaxBytes bounds the body of an import. Small batches cost one create call and one
	// PUT each; large ones keep more bytes in memory per namespace and make a retry more
	// expensive.
	MaxBytes   Size `envconfig:"BRIDGE_BATCH_MAX_BYTES" default:"8MiB" min:"1KiB" max:"5GiB" desc:"Hard bound of one import's body in bytes, newlines included; a record whose line is larger, or larger than a quarter of BRIDGE_BUFFER_MAX_BYTES, is invalid."`
	MaxRecords int  `envconfig:"BRIDGE_BATCH_MAX_RECORDS" default:"50000" min:"1" desc:"Hard bound of lines in one import."`

	// MaxAge is the longest that a record waits on a quiet topic. Too small yields many
	// tiny imports, too large delays their evaluation.
	MaxAge time.Duration `envconfig:"BRIDGE_BATCH_MAX_AGE" default:"30s" min:"1ms" desc:"A batch is due this long after its first record, with or without further traffic. While an earlier import of its namespace is being retried it goes on filling."`
}

// Buffer holds the bound of the memory that records may take.
type Buffer struct {
	// MaxBytes bounds the memory. A small bound makes many small imports, since the
	// largest batch is flushed early.
	MaxBytes Size `envconfig:"BRIDGE_BUFFER_MAX_BYTES" default:"256MiB" min:"16MiB" desc:"Bound of fetched, open and uploading bytes together. Near it the largest batch is flushed and fetching pauses. At least BRIDGE_BATCH_MAX_BYTES; a record whose line times its namespaces is larger than a quarter of it is invalid, and a Kafka batch that is larger than that, or inflates to more than five sixteenths of it, is held as a range of offsets until a restart with a larger buffer. Resident memory is this and about 64 MiB; a container's limit that leaves no room for both makes the default smaller, and refuses a value that is set."`

	// FittedTo is the memory limit that made MaxBytes smaller than its default, 0
	// if none did: see [Load].
	FittedTo Size
}

// HTTP holds the addresses at which the bridge serves metrics, status and profiles.
type HTTP struct {
	Addr string `envconfig:"BRIDGE_HTTP_ADDR" default:":8080" desc:"Listening address of /metrics, /healthz, /readyz, /status and the status page."`

	// MetricsMaxNamespaces bounds the series; many cost memory here and in Prometheus.
	MetricsMaxNamespaces int    `envconfig:"BRIDGE_METRICS_MAX_NAMESPACES" default:"200" min:"0" max:"100000" desc:"How many namespaces get metric series of their own; further ones are reported as other."`
	PprofAddr            string `envconfig:"BRIDGE_PPROF_ADDR" desc:"Loopback address for pprof, for example 127.0.0.1:6060 (heaps hold records). Off when unset."`
}

// Shutdown holds the bound of the time that stopping may take.
type Shutdown struct {
	Timeout time.Duration `envconfig:"BRIDGE_SHUTDOWN_TIMEOUT" default:"60s" min:"1ms" desc:"How long SIGTERM may take to flush and commit; what is not stored by then stays uncommitted and the exit code is 1. Keep the pod's grace period above it."`
}

// Log holds the level and the format of the log on stderr.
type Log struct {
	Level  slog.Level `envconfig:"BRIDGE_LOG_LEVEL" default:"info" oneof:"debug|info|warn|error" desc:"Lowest level written to stderr."`
	Format LogFormat  `envconfig:"BRIDGE_LOG_FORMAT" default:"json" oneof:"json|text" desc:"json for machines, text for people."`
}
