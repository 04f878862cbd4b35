package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

// groupID is the consumer group of the bridge of these commands.
const groupID = "sandbox"

// deadLetterTopic is where the bridge of these commands puts dead letters.
const deadLetterTopic = "dead-letters"

// receiptsTopic is where the bridge of these commands puts receipts.
const receiptsTopic = "receipts"

// worldOptions say where the parts listen. A port of 0 takes a free one.
type worldOptions struct {
	kafkaPort, apiPort, storePort int
	topics                        map[string]int32
	api                           sandbox.Options
}

// world is Kafka, the import API with its control endpoint, and the store, all
// on loopback. Close ends it.
type world struct {
	kafka   *sandbox.Kafka
	api     *sandbox.API
	apiURL  string
	servers []*http.Server
}

func startWorld(ctx context.Context, opts worldOptions) (_ *world, err error) {
	w := &world{}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if w.api, err = sandbox.New(opts.api); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/control/", w.api.Control())
	mux.Handle("/", w.api.Handler())
	if w.apiURL, err = w.serve(ctx, opts.apiPort, mux); err != nil {
		return nil, fmt.Errorf("serve the import API: %w", err)
	}
	storeURL, err := w.serve(ctx, opts.storePort, w.api.Store())
	if err != nil {
		return nil, fmt.Errorf("serve the store: %w", err)
	}
	w.api.SetStoreURL(storeURL)
	w.kafka, err = sandbox.StartKafka(sandbox.KafkaOptions{Ports: []int{opts.kafkaPort}, Topics: opts.topics})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// serve listens on loopback and returns the base URL.
func (w *world) serve(ctx context.Context, port int, handler http.Handler) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	w.servers = append(w.servers, server)
	go func() { _ = server.Serve(listener) }() // ended by Close
	return "http://" + listener.Addr().String(), nil
}

// Close ends every listener and connection.
func (w *world) Close() {
	for _, server := range w.servers {
		_ = server.Close()
	}
	if w.kafka != nil {
		w.kafka.Close()
	}
}

// parseTopics reads "users:4,listings" into partitions by topic; 1 is the default.
func parseTopics(text string) (map[string]int32, error) {
	topics := map[string]int32{}
	for item := range strings.SplitSeq(text, ",") {
		name, count, given := strings.Cut(strings.TrimSpace(item), ":")
		partitions := int64(1)
		var err error
		if given {
			partitions, err = strconv.ParseInt(count, 10, 16)
		}
		if name == "" || err != nil || partitions < 1 {
			return nil, fmt.Errorf("topic %q: want NAME or NAME:PARTITIONS", item)
		}
		topics[name] = int32(partitions)
	}
	return topics, nil
}

// sampleTopics are the topics of the sample records, with these partitions each,
// and those for dead letters and receipts.
func sampleTopics(partitions int32) map[string]int32 {
	topics := map[string]int32{deadLetterTopic: 1, receiptsTopic: 1}
	for _, name := range sandbox.SampleTopics() {
		topics[name] = partitions
	}
	return topics
}

// bridgeEnvironment is what the bridge needs to work against this world.
func (w *world) bridgeEnvironment(key string) []string {
	return []string{
		"BRIDGE_KAFKA_BROKERS=" + w.kafka.Addr(),
		"BRIDGE_KAFKA_TOPICS=" + strings.Join(sandbox.SampleTopics(), ","),
		"BRIDGE_KAFKA_GROUP_ID=" + groupID,
		"BRIDGE_NAMESPACE=field:namespace",
		"BRIDGE_ON_INVALID=dlq",
		"BRIDGE_DLQ_TOPIC=" + deadLetterTopic,
		"BRIDGE_RECEIPTS_TOPIC=" + receiptsTopic,
		"SAFETYKIT_BASE_URL=" + w.apiURL,
		"SAFETYKIT_API_KEY=" + key,
	}
}

// readFaults parses each -fault flag.
func readFaults(texts []string) ([]sandbox.Fault, error) {
	var all []sandbox.Fault
	var bad []error
	for _, text := range texts {
		faults, err := sandbox.ParseFaults([]byte(text))
		all, bad = slices.Concat(all, faults), append(bad, err)
	}
	return all, errors.Join(bad...)
}
