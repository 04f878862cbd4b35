package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/sandbox"
)

const (
	flawVariable = "STANDIN_FLAW" // what the stand-in does wrong
	pidVariable  = "STANDIN_PID"  // the file that it writes its process id to
)

// standIn is a bridge of few promises, with a flaw that the demo must find.
type standIn struct {
	flaw    string
	client  *kgo.Client
	open    map[string][][]byte // lines by namespace
	skipped atomic.Int64
	flushes int

	mu   sync.Mutex // guards next
	next map[partition]int64
}

func runStandIn(flaw string) int {
	if flaw == "is a demo" {
		os.Setenv(flawVariable, "none")
		return run(context.Background(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	}
	if len(os.Args) > 1 && os.Args[1] == "verify" {
		if flaw == "keeps no account" {
			fmt.Println("fail: 1 of 2 are not accounted for")
			return 1
		}
		fmt.Println("ok: every record is accounted for")
		return 0
	}
	if flaw == "dies at once" {
		fmt.Fprintln(os.Stderr, "no reason")
		return 3
	}
	if file := os.Getenv(pidVariable); file != "" {
		if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
			return 3
		}
	}
	s := &standIn{flaw: flaw, open: map[string][][]byte{}, next: map[partition]int64{}}
	if err := s.run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	if flaw == "exits with 1" {
		return 1
	}
	return 0
}

func (s *standIn) run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s.client, err = kgo.NewClient(
		kgo.SeedBrokers(os.Getenv("BRIDGE_KAFKA_BROKERS")),
		kgo.ConsumerGroup(os.Getenv("BRIDGE_KAFKA_GROUP_ID")), kgo.DisableAutoCommit(),
		kgo.ConsumeTopics(strings.Split(os.Getenv("BRIDGE_KAFKA_TOPICS"), ",")...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer s.client.Close()
	server := &http.Server{Addr: os.Getenv("BRIDGE_HTTP_ADDR"), Handler: s.pages(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.ListenAndServe() }() // ends with the process
	for ctx.Err() == nil {
		polled, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		fetches := s.client.PollFetches(polled)
		cancel()
		fetches.EachRecord(s.take)
		if err := s.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (s *standIn) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var partitions []string
		for p, next := range s.next {
			partitions = append(partitions, fmt.Sprintf(`{"topic":%q,"partition":%d,"next_offset":%d}`, p.topic, p.number, next))
		}
		fmt.Fprintf(w, `{"buffer":{"bytes":0},"partitions":[%s]}`, strings.Join(partitions, ","))
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "bridge_records_skipped_total{reason=\"tombstone\"} %d\n", s.skipped.Load())
	})
	return mux
}

func (s *standIn) take(r *kgo.Record) {
	s.mu.Lock()
	s.next[partition{r.Topic, r.Partition}] = r.Offset + 1
	s.mu.Unlock()
	if r.Value == nil {
		s.skipped.Add(1)
		return
	}
	line := append(bytes.Clone(r.Value), '\n')
	ids, err := sandbox.ParseLines(line)
	var one struct{ Namespace any }
	if err == nil {
		err = json.Unmarshal(r.Value, &one)
	}
	var namespaces []string
	switch value := one.Namespace.(type) {
	case string:
		namespaces = []string{value}
	case []any:
		for _, name := range value {
			namespaces = append(namespaces, name.(string))
		}
	}
	if err != nil || len(ids) != 1 || len(namespaces) == 0 || strings.Contains(namespaces[0], "/") {
		s.bury(r)
		return
	}
	for _, namespace := range namespaces {
		s.open[namespace] = append(s.open[namespace], line)
	}
}

func (s *standIn) bury(r *kgo.Record) {
	headers := []kgo.RecordHeader{
		{Key: "bridge.reason", Value: []byte("not_json")}, {Key: "bridge.source.topic", Value: []byte(r.Topic)},
		{Key: "bridge.source.partition", Value: fmt.Append(nil, r.Partition)}, {Key: "bridge.source.offset", Value: fmt.Append(nil, r.Offset)},
	}
	letter := &kgo.Record{Topic: os.Getenv("BRIDGE_DLQ_TOPIC"), Value: r.Value, Headers: headers}
	if err := s.client.ProduceSync(context.Background(), letter).FirstErr(); err != nil {
		panic(err)
	}
}

// flush stores what is open and commits.
func (s *standIn) flush() error {
	for _, namespace := range slices.Sorted(maps.Keys(s.open)) {
		lines := s.open[namespace]
		delete(s.open, namespace)
		times := 1
		if s.flushes++; s.flushes == 1 {
			switch s.flaw {
			case "loses a line":
				lines = lines[1:]
			case "stores a batch twice":
				times = 2
			}
		}
		if s.flaw == "swaps two lines" {
			slices.Reverse(lines)
		}
		for range times {
			if err := s.store(namespace, bytes.Join(lines, nil)); err != nil {
				return err
			}
		}
	}
	if s.flaw == "commits nothing" {
		return nil
	}
	return s.client.CommitUncommittedOffsets(context.Background())
}

func (s *standIn) store(namespace string, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	var created struct {
		URL string `json:"upload_url"`
	}
	token := "Bearer " + os.Getenv("SAFETYKIT_API_KEY")
	answer, err := post(http.MethodPost, os.Getenv("SAFETYKIT_BASE_URL")+"/v1/data/"+namespace+"/import", token, nil)
	if err == nil {
		err = json.Unmarshal(answer, &created)
	}
	if err != nil {
		return err
	}
	if s.flaw != "sends the token to the store" {
		token = ""
	}
	_, err = post(http.MethodPut, created.URL, token, body)
	return err
}

func post(method, url, token string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	_, err = answer.ReadFrom(response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(response.Status))
	}
	return answer.Bytes(), err
}

// waitPID waits until the stand-in has written its process id.
func waitPID(t *testing.T, file string) int {
	t.Helper()
	var pid int
	eventually(t, "the stand-in starts", func() bool {
		text, err := os.ReadFile(file)
		if err == nil && bytes.HasSuffix(text, []byte("\n")) {
			pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
			return err == nil
		}
		return false
	})
	return pid
}

// waitGone waits until the process ended; a zombie counts, its parent may be slow.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	eventually(t, "the stand-in ends", func() bool {
		if err := syscall.Kill(pid, 0); err != nil {
			return true
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || bytes.Contains(stat, []byte(") Z "))
	})
}

// eventually polls another process: there is nothing to wait on.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); !holds(); <-tick.C {
		if time.Since(began) > 3*time.Minute {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
