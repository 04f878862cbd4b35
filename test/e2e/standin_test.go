package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// How a stand-in misbehaves.
const (
	standInCorrect = "correct"
	standInLoses   = "loses a record"
	standInRepeats = "repeats a batch"
	standInAlters  = "alters a line"
	standInReorder = "reorders a batch"
	standInEarly   = "commits early"
)

// standIn is the simplest bridge: it polls, groups, imports, commits, and does
// one thing wrong if told to. It shows that the harness finds a faulty bridge and
// lets a correct one pass. It makes no promise under faults.
type standIn struct {
	mode    string
	spoiled bool // the wrong has been done
	kafka   *kgo.Client
}

// runStandIn plays a bridge in this process until SIGTERM.
func runStandIn(mode string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(os.Getenv("BRIDGE_KAFKA_BROKERS"), ",")...),
		kgo.ConsumerGroup(os.Getenv("BRIDGE_KAFKA_GROUP_ID")),
		kgo.ConsumeTopics(os.Getenv("BRIDGE_KAFKA_TOPICS")),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.CloseAllowingRebalance()
	server := &http.Server{Addr: os.Getenv("BRIDGE_HTTP_ADDR"), ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go func() { log.Print(server.ListenAndServe()) }() // ends with the process
	s := &standIn{mode: mode, kafka: client}
	for ctx.Err() == nil {
		if err := s.turn(ctx); err != nil && !errors.Is(err, context.Canceled) {
			log.Fatal(err)
		}
		client.AllowRebalance()
	}
}

func (s *standIn) turn(ctx context.Context) error {
	fetches := s.kafka.PollFetches(ctx)
	if ctx.Err() != nil {
		return nil
	}
	batches := map[string][][]byte{}
	for r := range fetches.RecordsAll() {
		var v struct{ Namespace string }
		if err := json.Unmarshal(r.Value, &v); err != nil {
			return fmt.Errorf("read record: %w", err)
		}
		batches[v.Namespace] = append(batches[v.Namespace], r.Value)
	}
	if s.mode == standInEarly {
		if err := s.kafka.CommitUncommittedOffsets(ctx); err != nil {
			return err
		}
	}
	for _, namespace := range slices.Sorted(maps.Keys(batches)) {
		for lines := range slices.Chunk(batches[namespace], 200) {
			if err := s.spoil(namespace, lines); err != nil {
				return err
			}
		}
	}
	return s.kafka.CommitUncommittedOffsets(context.Background())
}

// spoil imports lines, wrongly the first time if it should.
func (s *standIn) spoil(namespace string, lines [][]byte) error {
	if len(lines) > 1 && !s.spoiled {
		s.spoiled = true
		switch s.mode {
		case standInLoses:
			lines = lines[1:]
		case standInRepeats:
			if err := s.importLines(namespace, lines); err != nil {
				return err
			}
		case standInAlters:
			lines[0] = bytes.Replace(lines[0], []byte("1.50"), []byte("1.5"), 1)
		case standInReorder:
			slices.Reverse(lines)
		}
	}
	return s.importLines(namespace, lines)
}

func (s *standIn) importLines(namespace string, lines [][]byte) error {
	url := os.Getenv("SAFETYKIT_BASE_URL") + "/v1/data/" + namespace + "/import"
	var answer struct {
		UploadURL string `json:"upload_url"`
	}
	if err := call(http.MethodPost, url, []byte("{}"), os.Getenv("SAFETYKIT_API_KEY"), &answer); err != nil {
		return err
	}
	return call(http.MethodPut, answer.UploadURL, append(bytes.Join(lines, []byte("\n")), '\n'), "", nil)
}

func call(method, url string, body []byte, key string, answer any) error {
	req, err := http.NewRequestWithContext(context.Background(), method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", method, res.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(answer)
}
