package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// The answer of /status as a consumer gives it, as far as the page reads it.
type (
	object = map[string]any
	state  struct {
		mu      sync.Mutex
		answer  func(asked int) (any, error) // guarded by mu
		answers int                          // guarded by mu
	}
)

func (s *state) status(context.Context) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers++
	return s.answer(s.answers)
}

// show makes every further answer, and the count of answers, begin anew.
func (s *state) show(answer func(asked int) (any, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.answers = answer, 0
}

var began = time.Now().Add(-26 * time.Hour).UTC()

func before(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339Nano) }

func snapshot(name string, asked int) object {
	rows := imports(50)
	return object{
		"version": "v1.2.3", "started_at": began, "state": name, "kafka_error": nil,
		"group":  object{"id": "import-bridge", "member_id": "kafka-import-bridge-7f9c-4a31", "generation": 7, "state": "stable"},
		"buffer": object{"bytes": 41 << 20, "limit_bytes": 256 << 20},
		"totals": object{
			"records_consumed": 1000000 + asked*22000, "records_uploaded": 1000000 + asked*20000 + asked%7*9000,
			"bytes_uploaded": 1000000000 + asked*20000000, "batches_flushed": 600 + asked,
		},
		"partitions": partitions(8, asked), "namespaces": namespaces(),
		"imports": rows, "last_imports": append(rows[:3:3], object{
			"request_id": "req_01J9ZKLAST", "namespace": "payments-disputes", "records": 7, "bytes": 700, "stored_at": before(30 * time.Hour), "status": "succeeded", "finished_at": before(29 * time.Hour),
		}), "imports_followed": 1, "imports_error": nil,
	}
}

func imports(n int) []object {
	var rows []object
	for i := range n {
		stored := time.Now().Add(-time.Duration(i+1) * 10 * time.Second).UTC()
		rows = append(rows, object{
			"request_id": fmt.Sprintf("req_01J9ZK%04d", i), "namespace": []string{"users", "listings", "messages"}[i%3], "records": 5000 + i, "bytes": 5 << 20,
			"stored_at": stored.Format(time.RFC3339), "status": "succeeded", "finished_at": stored.Add(4 * time.Second).Format(time.RFC3339Nano),
		})
	}
	if n > 3 {
		rows[0]["status"], rows[0]["finished_at"] = "ingesting", nil
		rows[2]["status"] = "succeeded_with_errors"
	}
	return rows
}

func importsFailed(asked int) (any, error) {
	s := snapshot("running", asked)
	rows := s["imports"].([]object)
	rows[20]["status"], rows[30]["status"] = "failed", "unknown"
	s["imports_error"] = "the API key may not read what became of imports (status 403)"
	return s, nil
}

func partitions(n, asked int) []object {
	var rows []object
	for i := range n {
		lag := 900 + 137*(i*7%11) + 400*(asked%9)
		rows = append(rows, object{
			"topic": "listings", "partition": i, "committed_offset": 481000, "next_offset": 481000 + lag/2,
			"high_watermark": 481000 + lag, "lag_records": lag, "lag_seconds": 9.4, "state": "reading", "error": nil,
			"pinned_by": object{"kind": "batch", "namespace": "users", "offset": 481000, "since": before(8 * time.Second), "reason": ""},
		})
	}
	return rows
}

func namespaces() []object {
	var rows []object
	for i, name := range []string{"users", "listings", "messages", "reviews", "payments-disputes"} {
		rows = append(rows, object{
			"name": name, "state": []string{"open", "uploading"}[i%2], "buffered_bytes": (5 - i) * 1700000,
			"buffered_records": (5 - i) * 1650, "oldest_record_at": before(time.Duration(4+i*5) * time.Second),
			"in_flight": i % 2, "last_request_id": fmt.Sprintf("req_01J9ZK%04d", i), "last_error": nil, "next_attempt_at": nil,
		})
	}
	return rows
}

func running(asked int) (any, error) { return snapshot("running", asked), nil }

func waiting(int) (any, error) {
	s := snapshot("waiting_for_kafka", 0)
	s["kafka_error"] = "dial kafka-0.kafka:9092: connection refused"
	s["group"] = object{"id": "import-bridge", "member_id": "", "generation": -1, "state": "none"}
	s["buffer"] = object{"bytes": 0, "limit_bytes": 256 << 20}
	s["totals"], s["partitions"], s["namespaces"] = object{}, nil, []object{}
	return s, nil
}

func held(asked int) (any, error) {
	s := snapshot("running", asked)
	ns, ps := s["namespaces"].([]object), s["partitions"].([]object)
	ns[3]["state"], ns[3]["last_error"] = "held", "create upload URL: 422 Unprocessable Content"
	ns[3]["next_attempt_at"], ns[3]["since"] = time.Now().Add(49*time.Second).UTC(), before(14*time.Minute)
	ns[1]["state"], ns[1]["last_error"] = "retrying", "put batch: 503 Service Unavailable"
	ns[1]["next_attempt_at"] = time.Now().Add(3 * time.Second).UTC()
	ps[2]["state"] = "held"
	ps[2]["pinned_by"] = object{"kind": "held_record", "namespace": "", "offset": 480213, "since": before(2 * time.Hour), "reason": "not_json: the value ends too early, at byte 56"}
	ps[4]["state"], ps[4]["error"] = "held", "committed offset 12 lies below the log start 40: 28 records were removed before they were read"
	ps[4]["pinned_by"] = nil
	ps[5]["state"] = "held"
	ps[5]["pinned_by"] = object{"kind": "held_namespace", "namespace": "reviews", "offset": 480990, "since": before(14 * time.Minute)}
	ps[6]["state"], ps[6]["error"] = "failed", "fetch listings/6 at 481000: batch checksum does not match"
	return s, nil
}

func tombstoneHeld(asked int) (any, error) {
	s := snapshot("running", asked)
	ps := s["partitions"].([]object)
	ps[2]["state"] = "held"
	ps[2]["pinned_by"] = object{"kind": "held_record", "namespace": "", "offset": 480213, "since": before(2 * time.Hour), "reason": "tombstone: the value is null"}
	ps[3]["state"] = "held"
	ps[3]["pinned_by"] = object{"kind": "held_record", "namespace": "", "offset": 480300, "since": before(2 * time.Hour), "reason": "the Kafka batch at offsets 480300 to 480399 with 100 records has 80 MiB: BRIDGE_BUFFER_MAX_BYTES of 320 MiB takes it"}
	ps[4]["state"], ps[4]["error"] = "held", "reading pauses until fewer records are held or on their way to the dead-letter topic; now 500 are"
	return s, nil
}

func receiptsFail(asked int) (any, error) {
	s := snapshot("running", asked)
	s["receipts_waiting"], s["receipts_error"] = 3, "the topic receipts does not exist"
	s["partitions"].([]object)[3]["pinned_by"] = object{"kind": "receipt", "namespace": "users", "offset": 481000, "since": before(8 * time.Second), "reason": ""}
	return s, nil
}

func paused(asked int) (any, error) {
	s := snapshot("running", asked)
	ps := s["partitions"].([]object)
	ps[0]["state"], ps[1]["state"] = "paused", "paused"
	ps[1]["error"] = "memory is full: nothing is read until imports free some"
	return s, nil
}

func opening(asked int) (any, error) {
	s := snapshot("running", asked)
	s["partitions"].([]object)[0]["state"] = "paused"
	return s, nil
}

func topicNotDescribed(asked int) (any, error) {
	s := snapshot("running", asked)
	s["kafka_error"] = "the brokers do not describe the topics [orders] to this user, who needs DESCRIBE and READ on them; the other topics are read"
	return s, nil
}

func draining(asked int) (any, error) { return snapshot("draining", asked), nil }

func drainingAlone(asked int) (any, error) {
	s := snapshot("draining", asked)
	s["kafka_error"] = "no broker listens at kafka-0.kafka:9092: check BRIDGE_KAFKA_BROKERS, and the brokers' advertised.listeners"
	return s, nil
}

func keyRefused(asked int) (any, error) {
	s := snapshot("running", asked)
	s["api_error"] = "the import API refuses the credentials: check SAFETYKIT_API_KEY"
	for _, n := range s["namespaces"].([]object) {
		n["state"], n["last_error"], n["in_flight"] = "retrying", "create upload URL: 401 Unauthorized", 0
	}
	return s, nil
}

func single(asked int) (any, error) {
	s := snapshot("running", asked)
	s["partitions"] = partitions(1, asked)
	s["namespaces"] = []object{}
	p := s["partitions"].([]object)[0]
	p["pinned_by"], p["lag_records"], p["lag_seconds"], p["next_offset"], p["high_watermark"] = nil, 0, 0, 481000, 481000
	return s, nil
}

func thousand(asked int) (any, error) {
	s := snapshot("running", asked)
	ps := partitions(1000, asked)
	ps[777]["state"] = "held"
	ps[777]["pinned_by"] = object{"kind": "held_record", "namespace": "", "offset": 480213, "since": before(time.Hour), "reason": "no_id: BRIDGE_ID=field:id: the record has none"}
	s["partitions"] = ps
	return s, nil
}

func hostile(int) (any, error) {
	s := snapshot("running", 0)
	s["version"] = "<script>document.title='owned'</script>"
	s["namespaces"].([]object)[0]["name"] = "<img src=x onerror=alert(1)>"
	s["namespaces"].([]object)[0]["state"] = "held"
	s["namespaces"].([]object)[0]["last_error"] = strings.Repeat("wide", 100)
	return s, nil
}

func TestPage_inTheBrowser(t *testing.T) {
	b := startBrowser(t)
	axe := axeSource(t)
	s := &state{}
	c := testConfig()
	c.Status = s.status
	server := httptest.NewServer(newHandler(c, &history{sample: c.Sample}))
	t.Cleanup(server.Close)

	for _, tc := range []struct {
		name                  string
		answer                func(int) (any, error)
		headline, explanation string
		rows                  int // of the table of partitions
		first                 string
	}{
		{"waiting", waiting, "Waiting for Kafka", "connection refused", 0, ""},
		{"running", running, "Running", "moving; the oldest record that waits is 9 s old.", 8, "listings/3"},
		{"held", held, "Running, with 4 problems", "1 namespace held, 1 partition held at a record, 1 partition held, 1 partition failed.", 8, "listings/6"},
		{"import-failed", importsFailed, "Running, 1 import failed", "within the last hour", 8, "listings/3"},
		{"receipts", receiptsFail, "Running, but no receipts are written", "does not exist. Offsets wait for 3 receipts; nothing is lost.", 8, "listings/3"},
		{"paused", paused, "Running, 2 partitions paused", "Memory is full", 8, "listings/1"},
		{"opening", opening, "Running, 1 partition paused", "Where they start is being looked up.", 8, "listings/0"},
		{"single", single, "Running", "Everything it reads is moving.", 1, "listings/0"},
		{"draining", draining, "Draining", "2 uploads running, 41 MiB left", 8, "listings/3"},
		{"draining-alone", drainingAlone, "Draining, but Kafka does not answer", "No broker listens", 8, "listings/3"},
		{"key-refused", keyRefused, "The import API takes no imports", "refuses the credentials: check SAFETYKIT_API_KEY", 8, "listings/3"},
		{"topic-not-described", topicNotDescribed, "Running, with trouble at Kafka", "the other topics are read. It keeps trying", 8, "listings/3"},
		{"thousand", thousand, "Running, with 1 problem", "1 partition held at a record.", 100, "listings/777"},
		{"hostile", hostile, "Running, with 1 problem", "1 namespace held.", 8, "listings/3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b.t = t
			s.show(tc.answer)
			b.view(1280, 900, "light")
			b.open(server.URL)
			b.pass(2000, 12)
			expectText(b, "#headline", tc.headline)
			expectText(b, "#explanation", tc.explanation)
			expectCount(b, "#partitions tr", tc.rows)
			if tc.rows > 0 {
				expectText(b, "#partitions tr:first-child th", tc.first)
				expectCount(b, "#rate-chart path.line", 1)
			}
			for _, v := range []struct {
				width  int
				scheme string
			}{{1280, "light"}, {375, "light"}, {1280, "dark"}, {375, "dark"}} {
				b.view(v.width, 900, v.scheme)
				b.screenshot(fmt.Sprintf("%s-%s-%d", tc.name, v.scheme, v.width))
				expectAccessible(b, axe, fmt.Sprintf("%s at %d pixels", v.scheme, v.width))
				expectNoSidewaysScroll(b, v.width)
			}
			for _, p := range b.takeProblems() {
				t.Errorf("console: %s", p)
			}
		})
	}
}

func expectText(b *browser, selector, want string) {
	b.t.Helper()
	var got string
	b.eval(fmt.Sprintf("document.querySelector(%q)?.textContent ?? 'nothing matches'", selector), &got)
	if !strings.Contains(got, want) {
		b.t.Errorf("%s shows %q, want %q in it", selector, got, want)
	}
}

func expectCount(b *browser, selector string, want int) {
	b.t.Helper()
	var got int
	b.eval(fmt.Sprintf("document.querySelectorAll(%q).length", selector), &got)
	if got != want {
		b.t.Errorf("%d elements match %s, want %d", got, selector, want)
	}
}

func expectAccessible(b *browser, axe, where string) {
	b.t.Helper()
	for _, v := range b.violations(axe) {
		for _, n := range v.Nodes[:min(3, len(v.Nodes))] {
			b.t.Errorf("%s: %s (%s): %s\n%s", where, v.ID, v.Help, n.HTML, n.FailureSummary)
		}
	}
}

func expectNoSidewaysScroll(b *browser, width int) {
	b.t.Helper()
	var wide int
	b.eval("document.documentElement.scrollWidth", &wide)
	if wide > width {
		b.t.Errorf("the page is %d pixels wide in a window of %d", wide, width)
	}
}

// openPage opens the page of a bridge in that state, which may change.
func openPage(t *testing.T, shown func(asked int) (any, error)) (*browser, *state) {
	t.Helper()
	b, s, c := startBrowser(t), &state{}, testConfig()
	s.show(shown)
	c.Status = s.status
	server := httptest.NewServer(newHandler(c, &history{}))
	t.Cleanup(server.Close)
	b.view(1280, 900, "light")
	b.open(server.URL)
	return b, s
}

// TestPage_saysWhatIsHeldAndWhy reads each cause with its reason and its remedy,
// and each once: the partition that waits for the held namespace is told there.
func TestPage_saysWhatIsHeldAndWhy(t *testing.T) {
	b, _ := openPage(t, held)
	expectCount(b, "#held li", 4)
	for i, want := range [][]string{
		{"Namespace reviews", "422 Unprocessable Content", "held for 14 min", "1 partition waits for it", "next attempt in 4"},
		{"Record listings/2@480213", "not_json: the value ends too early, at byte 56", "held for 2 h", "BRIDGE_SKIP_RECORDS=listings/2@480213"},
		{"Partition listings/4 held", "28 records were removed"},
		{"Partition listings/6 failed", "checksum does not match", "tried again"},
	} {
		for _, text := range want {
			expectText(b, fmt.Sprintf("#held li:nth-child(%d)", i+1), text)
		}
	}
	expectText(b, "#partitions tr:nth-child(3) td:last-child", "held record at 480213, for 2 h 0 minnot_json")
	expectText(b, "#namespaces tr:first-child td:last-child", "422 Unprocessable Content, next attempt in 4")
}

// TestPage_saysWhatBecameOfImports: what failed comes first with the command that
// tells why, then the latest; each namespace's last import is found by its name.
func TestPage_saysWhatBecameOfImports(t *testing.T) {
	b, _ := openPage(t, importsFailed)
	expectCount(b, "#imports tr", 10)
	expectText(b, "#imports-shown", "Showing 10 of 51, worst first")
	expectText(b, "#imports-error", "The API key may not read what became of imports (status 403). It is asked again later; imports go on.")
	for i, want := range [][]string{
		{"req_01J9ZK0020", "failed", "messages", "bridge import messages req_01J9ZK0020"},
		{"req_01J9ZK0002", "succeeded with errors", "bridge import messages req_01J9ZK0002"},
		{"req_01J9ZK0030", "unknown"},
		{"req_01J9ZK0000", "ingesting", "users"},
	} {
		for _, text := range want {
			expectText(b, fmt.Sprintf("#imports tr:nth-child(%d)", i+1), text)
		}
	}
	b.eval(`(f => { f.value = 'payments'; f.dispatchEvent(new Event('input')); })(document.querySelector('#imports-filter'))`, nil)
	expectCount(b, "#imports tr", 1)
	expectText(b, "#imports tr:first-child", "req_01J9ZKLAST")
}

// TestPage_saysThatOffsetsWaitForReceipts: why, how many, and in the row of each
// partition whose offset waits.
func TestPage_saysThatOffsetsWaitForReceipts(t *testing.T) {
	b, s := openPage(t, receiptsFail)
	expectText(b, "#headline", "Running, but no receipts are written")
	expectText(b, "#explanation", "The topic receipts does not exist. Offsets wait for 3 receipts; nothing is lost.")
	expectText(b, "#partitions", "receipt of users at 481000")
	s.show(running)
	b.pass(2000, 2)
	expectText(b, "#explanation", "moving")
}

// TestPage_advisesWhatHelps tells a tombstone from an invalid record, and a
// partition with many held records from one whose offset is out of range.
func TestPage_advisesWhatHelps(t *testing.T) {
	b, _ := openPage(t, tombstoneHeld)
	expectCount(b, "#held li", 3)
	expectText(b, "#held li:nth-child(1) small:last-child", "Restart with another BRIDGE_ON_TOMBSTONE, or with BRIDGE_SKIP_RECORDS=listings/2@480213.")
	expectText(b, "#held li:nth-child(2) strong", "Kafka batch listings/3@480300-480399")
	expectText(b, "#held li:nth-child(2) small:last-child", "Restart with the BRIDGE_BUFFER_MAX_BYTES that the reason names, or with BRIDGE_SKIP_RECORDS=listings/3@480300-480399.")
	expectText(b, "#held li:nth-child(3) small:last-child", "reading pauses until fewer records are held")
}

// TestPage_showsTheMinutesBeforeItWasOpened asks for one status only: the lines
// come from the bridge's own memory.
func TestPage_showsTheMinutesBeforeItWasOpened(t *testing.T) {
	b := startBrowser(t)
	s := &state{}
	s.show(running)
	c := testConfig()
	c.Status = s.status
	h := &history{}
	for i := range 60 {
		lag := int64(100 + i)
		h.points = append(h.points, Point{At: time.Now().Add(time.Duration(i-60) * 5 * time.Second), RecordsUploaded: int64(1000 * i), LagRecords: &lag})
	}
	server := httptest.NewServer(newHandler(c, h))
	t.Cleanup(server.Close)
	b.view(1280, 900, "light")
	b.open(server.URL)
	b.screenshot("opened")
	for _, chart := range []string{"rate", "lag"} {
		expectCount(b, "#"+chart+"-chart path.line", 1)
		var points int
		if b.eval("document.querySelector('#"+chart+"-chart path.line').getAttribute('d').split('L').length", &points); points < 59 {
			t.Errorf("the chart of %s has %d points", chart, points)
		}
	}
	for _, p := range b.takeProblems() {
		t.Errorf("console: %s", p)
	}
}

func TestPage_filtersPausesAndTellsThatNobodyAnswers(t *testing.T) {
	b := startBrowser(t)
	axe := axeSource(t)
	s := &state{}
	s.show(thousand)
	c := testConfig()
	c.Status = s.status
	server := httptest.NewServer(newHandler(c, &history{sample: c.Sample}))
	t.Cleanup(server.Close)
	b.view(1280, 900, "light")
	b.open(server.URL)

	b.eval(`document.querySelector('#partitions-more').click()`, nil)
	expectCount(b, "#partitions tr", 200)
	b.eval(`(f => { f.value = '/99'; f.dispatchEvent(new Event('input')); })(document.querySelector('#partitions-filter'))`, nil)
	expectCount(b, "#partitions tr", 11) // 99 and 990 to 999
	expectText(b, "#partitions-shown", "Showing 11 of 11 matches of 1,000")
	b.pass(2000, 1)
	expectCount(b, "#partitions tr", 11) // a refresh keeps the filter

	s.show(func(int) (any, error) { return nil, errors.New("the session's loop is gone") })
	b.pass(2000, 1)
	expectText(b, "#headline", "The bridge does not answer")
	expectText(b, "#explanation", "the session's loop is gone.")
	expectCount(b, "#partitions tr", 11) // what was known stays
	expectAccessible(b, axe, "when nobody answers")
	for _, p := range b.takeProblems() {
		if !strings.Contains(p, "503") { // the browser logs the failed request itself
			t.Errorf("console: %s", p)
		}
	}

	s.show(running)
	b.eval(`document.querySelector('#pause').click()`, nil)
	expectText(b, "#pause", "Resume")
	var due int
	if b.eval("__due()", &due); due != 0 {
		t.Error("a refresh is due while paused")
	}
	b.eval(`document.querySelector('#pause').click()`, nil)
	b.settle()
	expectText(b, "#headline", "Running")
}

// Before the bridge has said anything the page claims nothing about it.
func TestPage_claimsNothingBeforeAnAnswer(t *testing.T) {
	b, _ := openPage(t, func(int) (any, error) { return nil, errors.New("the session's loop is gone") })
	b.pass(2000, 1)
	expectText(b, "#headline", "The bridge does not answer")
	var visible bool
	if b.eval("!document.querySelector('#held-none').hidden", &visible); visible {
		t.Error("the page says that nothing is held")
	}
	b.takeProblems() // the browser logs the failed request
}
