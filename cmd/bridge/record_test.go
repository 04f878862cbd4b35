package main

import (
	"encoding/json"
	"strings"
	"testing"

	"kafka-import-bridge/internal/sandbox"
)

// TestRecord_tellsWhatBecameOfIt in one command: the import that holds it and what
// the API made of that, the dead letter, the policy, or what it waits for.
func TestRecord_tellsWhatBecameOfIt(t *testing.T) {
	noReceipts := map[string]string{"BRIDGE_RECEIPTS_TOPIC": ""}
	for _, tc := range []struct {
		name   string
		place  string
		env    map[string]string
		fault  *sandbox.Fault
		code   int
		stdout []string
		stderr string
	}{
		{"an import", "users/1@2", nil, nil, 0, []string{"record      users/1@2 of 20", "committed   yes: group bridge is at 3\n", "namespace   users: imported\n", "  import    req_", ", with 2 lines of offsets 0-2\n", "  API       succeeded\n"}, ""},
		{"an import that failed", "users/1@2", nil, &sandbox.Fault{Operation: "ingest", Verdict: "failed", Summary: "SECRET"}, 1, []string{"  API       failed; bridge import prints why\n"}, ""},
		{"an API that does not answer", "users/1@2", nil, &sandbox.Fault{Operation: "status", Status: 503}, 0, []string{"users: imported\n", "  API       not known\n", "note        what the API makes of it is not known: ask about the import: status 503\n"}, ""},
		{"a dead letter", "users/1@1", nil, nil, 0, []string{"no line     dead-lettered (not_json ", "  letter    dead/0@0: not_json, "}, ""},
		{"a record that waits", "users/1@3", nil, nil, 1, []string{"committed   no: group bridge is at 3\n", "namespace   users: not stored yet, or not committed"}, ""},
		{"a record of a partition without an offset", "users/0@0", nil, nil, 1, []string{"committed   no: group bridge has no offset here\n"}, ""},
		{"no record", "users/1@9", nil, nil, 1, []string{"users/1@9, which the log does not hold", "note        the log ends at offset 4: the record is not written yet"}, ""},
		{"no receipts", "users/1@2", noReceipts, nil, 0, []string{"namespace   users: stored: the committed offset has passed it\n", "note        no receipts are written: set BRIDGE_RECEIPTS_TOPIC"}, ""},
		{"a topic that is not read", "dead/0@0", nil, nil, 1, nil, "is none that the bridge reads: the settings read [listings users]"},
		{"no place", "users@1", nil, nil, 2, nil, `a record is named topic/partition@offset, as in users/3@4711, not "users@1"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newVerifyWorld(t)
			if tc.fault != nil {
				w.api.Inject(*tc.fault)
			}
			w.receipted(w.stored("users"), 0, 2, 2)
			w.deadLettered("1")
			w.produce("users", 1, `{"id":"c"}`)
			w.produce("users", 0, `{"id":"d"}`)
			code, out, errs := w.run(tc.env, "record", tc.place)
			if code != tc.code || !strings.Contains(errs, tc.stderr) || tc.stderr == "" && errs != "" || strings.Contains(out, "SECRET") {
				t.Errorf("exit code %d, want %d; stderr %q", code, tc.code, errs)
			}
			for _, want := range tc.stdout {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}

// TestRecord_json prints one object whose fields have the names that are promised.
func TestRecord_json(t *testing.T) {
	w := newVerifyWorld(t)
	id := w.stored("users")
	w.receipted(id, 0, 2, 2)
	code, out, errs := w.run(nil, "record", "-json", "users/1@0")
	var got struct {
		Topic      string
		Partition  int32
		Offset     int64
		WrittenAt  string `json:"written_at"`
		Committed  int64  `json:"committed_offset"`
		Deliveries []struct {
			Namespace, State string
			Imports          []struct {
				RequestID string `json:"request_id"`
				Status    string
				First     int64
				Last      int64
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || errs != "" || strings.Count(out, "\n") != 1 || len(got.Deliveries) != 1 || len(got.Deliveries[0].Imports) != 1 {
		t.Fatalf("exit code %d, %v: %s%s", code, err, out, errs)
	}
	d := got.Deliveries[0]
	if got.Topic != "users" || got.Partition != 1 || got.Committed != 3 || got.WrittenAt == "" || d.Namespace != "users" || d.State != "imported" || d.Imports[0].RequestID != id || d.Imports[0].Status != "succeeded" || d.Imports[0].Last != 2 {
		t.Errorf("%+v", got)
	}
}
