package report

import (
	"cmp"
	"slices"
	"time"
)

// Status answers what the bridge does and why: in particular, why an offset is
// stuck. It is a copy; nobody else writes it.
type Status struct {
	Version    string    `json:"version"`
	StartedAt  time.Time `json:"started_at"`
	State      string    `json:"state"`       // waiting_for_kafka, joining, running, draining, stopped
	KafkaError *string   `json:"kafka_error"` // while the brokers or the coordinator do not answer, or refuse
	APIError   *string   `json:"api_error"`   // while the import API refuses the credentials, or does not know the call
	// RegistryError is set while the schema registry does not answer, or refuses the
	// credentials.
	RegistryError *string           `json:"registry_error"`
	ImportPath    string            `json:"import_path"` // of the create call that is in use
	Group         GroupStatus       `json:"group"`
	Buffer        BufferStatus      `json:"buffer"`
	Totals        TotalsStatus      `json:"totals"`
	Partitions    []PartitionStatus `json:"partitions"`
	Namespaces    []NamespaceStatus `json:"namespaces"`
	// NamespacesOmitted counts those beyond MaxStatusNamespaces.
	NamespacesOmitted int `json:"namespaces_omitted"`

	Gauges Gauges `json:"-"`
}

// The states of the process in /status.
const (
	Waiting  = "waiting_for_kafka"
	Joining  = "joining"
	Running  = "running"
	Draining = "draining"
	Stopped  = "stopped"
)

// GroupStatus is this process's membership.
type GroupStatus struct {
	ID         string `json:"id"`
	MemberID   string `json:"member_id"`
	Generation int32  `json:"generation"`
	State      string `json:"state"`
}

// BufferStatus is the use of the buffer budget, in bytes.
type BufferStatus struct {
	Bytes      int64 `json:"bytes"`
	LimitBytes int64 `json:"limit_bytes"`
}

// TotalsStatus counts since the process began.
type TotalsStatus struct {
	RecordsConsumed int64 `json:"records_consumed"`
	RecordsUploaded int64 `json:"records_uploaded"`
	BytesUploaded   int64 `json:"bytes_uploaded"`
	BatchesFlushed  int64 `json:"batches_flushed"`
}

// PartitionStatus is one assigned partition. Offsets are those of the next
// record; -1 is unknown.
type PartitionStatus struct {
	Topic           string     `json:"topic"`
	Partition       int32      `json:"partition"`
	CommittedOffset int64      `json:"committed_offset"`
	NextOffset      int64      `json:"next_offset"`
	HighWatermark   int64      `json:"high_watermark"`
	LogStartOffset  int64      `json:"log_start_offset"`
	LagRecords      int64      `json:"lag_records"`
	LagSeconds      float64    `json:"lag_seconds"` // age of the oldest record that is not committed
	State           string     `json:"state"`       // reading, paused, held, failed
	PinnedBy        *PinStatus `json:"pinned_by"`
	Error           *string    `json:"error"`

	Corrupt bool  `json:"-"`
	Unread  int64 `json:"-"`
	Omitted int   `json:"-"`
}

// PinStatus names the reason why a partition's committed offset does not move.
type PinStatus struct {
	Kind      string    `json:"kind"` // batch, held_namespace, held_record, dead_letter, receipt
	Namespace string    `json:"namespace"`
	Offset    int64     `json:"offset"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason"` // why a held record cannot be imported, or a dead letter not be written; else empty
}

// NamespaceStatus is one namespace with work or trouble.
type NamespaceStatus struct {
	Name            string     `json:"name"`
	State           string     `json:"state"` // open, uploading, retrying, held
	BufferedBytes   int64      `json:"buffered_bytes"`
	BufferedRecords int        `json:"buffered_records"`
	OldestRecordAt  *time.Time `json:"oldest_record_at"`
	InFlight        int        `json:"in_flight"`
	LastRequestID   *string    `json:"last_request_id"`
	LastError       *string    `json:"last_error"`
	NextAttemptAt   *time.Time `json:"next_attempt_at"`
	Since           *time.Time `json:"since"` // of the trouble

	HoldReason string `json:"-"`
}

// SortNamespaces puts the namespaces in trouble first, then the fullest.
func SortNamespaces(list []NamespaceStatus) {
	rank := func(state string) int { return slices.Index([]string{"open", "uploading", "retrying", "held"}, state) }
	slices.SortFunc(list, func(a, b NamespaceStatus) int {
		return cmp.Or(cmp.Compare(rank(b.State), rank(a.State)), cmp.Compare(b.BufferedBytes, a.BufferedBytes), cmp.Compare(a.Name, b.Name))
	})
}

// MaxStatusNamespaces bounds the list of namespaces: the ones in trouble come
// first, then the fullest.
const MaxStatusNamespaces = 1000

// Gauges are figures of the loop that only the metrics need.
type Gauges struct {
	OpenBatches, Waiting, Flying int
	Oldest                       time.Time
	NamespacesHeld               int
	PartitionsHeld               int
	UploadLimit                  int
}
