package docs

import (
	"slices"
	"strings"
	"testing"
)

// promised are the metrics, without their prefix, and labels that alerts and
// dashboards outside of this project may rest on. A line that changes is a
// [CHANGE] of the changelog.
const promised = `
counter records_consumed_total topic
counter records_skipped_total topic reason
counter records_rejected_total topic reason
counter dlq_records_total topic reason
counter batches_flushed_total namespace reason
counter records_uploaded_total namespace
counter bytes_uploaded_total namespace
counter import_requests_total operation code
counter import_retries_total operation reason
counter import_repeats_avoided_total how
counter import_urls_unused_total
counter import_possible_repeats_total
counter imports_finished_total namespace status
counter partitions_forgotten_total
counter rebalances_total
counter commits_total result
counter offset_resets_total topic reason
counter records_lost_total topic
counter kafka_errors_total operation
counter fetch_paused_seconds_total reason
counter kafka_throttled_seconds_total
counter log_lines_dropped_total
gauge kafka_lag_records topic partition
gauge kafka_lag_seconds topic partition
gauge kafka_unread_records topic partition
gauge kafka_committed_offset topic partition
gauge kafka_log_start_offset topic partition
gauge group_member
gauge assigned_partitions
gauge credentials_refused target
counter schema_requests_total result
gauge schema_registry_unavailable
counter receipts_total result
gauge imports_followed
gauge oldest_followed_import_age_seconds
gauge api_missing
gauge namespace_held namespace reason
gauge batches_waiting
gauge upload_concurrency_limit
gauge frontier_omitted_namespaces topic partition
gauge buffered_bytes
gauge buffer_limit_bytes
gauge open_batches
gauge uploads_in_flight
gauge oldest_unflushed_record_age_seconds
gauge namespaces_held
gauge partitions_held
gauge last_successful_import_timestamp_seconds
gauge build_info version revision goversion
histogram batch_bytes
histogram batch_records
histogram import_duration_seconds operation
histogram import_finish_seconds
histogram record_delivery_seconds
`

// closed are the label values that exist, in the order of the document.
var closed = map[string]string{
	"records_skipped_total reason":      "already_imported invalid operator receipt tombstone",
	"records_rejected_total reason":     "not_json no_id bad_id no_namespace bad_namespace too_large no_value not_decodable refused",
	"dlq_records_total reason":          "not_json no_id bad_id no_namespace bad_namespace too_large no_value not_decodable tombstone refused",
	"batches_flushed_total reason":      "bytes records age memory rebalance shutdown",
	"import_requests_total operation":   "ask create follow upload",
	"import_repeats_avoided_total how":  "asked conditional",
	"import_retries_total reason":       "expired malformed network server_error throttled timeout unauthorised",
	"receipts_total result":             "failed lost skipped written",
	"imports_finished_total status":     "succeeded succeeded_with_errors failed unknown unfollowed",
	"commits_total result":              "error fenced ok",
	"offset_resets_total reason":        "below_log_start beyond_end recreated",
	"kafka_errors_total operation":      "commit decode fetch heartbeat join metadata produce",
	"fetch_paused_seconds_total reason": "held memory",
	"schema_requests_total result":      "error not_found ok refused",
	"credentials_refused target":        "api kafka registry",
}

func TestMetrics_arePromisedAndKept(t *testing.T) {
	kept := map[string]metric{}
	for _, m := range exported(t) {
		kept[strings.TrimPrefix(m.name, "bridge_")] = m
	}
	for line := range strings.Lines(strings.TrimSpace(promised)) {
		words := strings.Fields(line)
		kind, name, labels := words[0], words[1], words[2:]
		m, ok := kept[name]
		delete(kept, name)
		slices.Sort(labels)
		slices.Sort(m.labels)
		if !ok || m.kind != kind || !slices.Equal(m.labels, labels) {
			t.Errorf("bridge_%s is a %s of %v, promised is a %s of %v", name, m.kind, m.labels, kind, labels)
		}
		for _, label := range labels {
			if want, ok := closed[name+" "+label]; ok && strings.Join(m.values[label], " ") != want {
				t.Errorf("bridge_%s has the %s %v, closed here has %s", name, label, m.values[label], want)
			}
		}
	}
	for name := range kept {
		t.Errorf("bridge_%s is exported and not promised: give it a line in promised, here", name)
	}
}
