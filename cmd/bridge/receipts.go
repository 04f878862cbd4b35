package main

import (
	"context"
	"crypto/x509"
	"log/slog"
	"time"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/follow"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/outbox"
)

const (
	receiptsAtOnce = 500
	// endsBytes bounds the ends of imports that wait for the receipts' topic.
	endsBytes = 16 << 20
)

// receipts writes receipts; it is nil where none are wanted. Its connections are its
// own, since it outlives the consumer's.
type receipts struct {
	*outbox.Outbox
	producer *kafka.Producer
	client   *kafka.Client
}

func newReceipts(ctx context.Context, cfg *config.Config, roots *x509.CertPool, m *outbox.Metrics, throttled func(time.Duration), logger *slog.Logger) (*receipts, error) {
	topic := cfg.Policies.ReceiptsTopic
	if topic == "" {
		return nil, nil //nolint:nilnil // there are none, which is no error
	}
	client, explain, err := kafkaClient(ctx, cfg, roots)
	if err != nil {
		return nil, err
	}
	producer := kafka.NewProducer(client, topic, receiptsAtOnce, throttled)
	box := outbox.New(outbox.Config{Topic: topic, MaxBackoff: cfg.Retry.MaxBackoff, MaxBytes: endsBytes}, producer, logger, explain, m)
	return &receipts{box, producer, client}, nil
}

// Run writes until the context ends, and closes the connections.
func (r *receipts) Run(ctx context.Context) error {
	if r == nil {
		<-ctx.Done()
		return nil
	}
	defer r.client.Close()
	defer func() { _ = r.producer.Close() }() // everything is acknowledged or given up
	return r.Outbox.Run(ctx)
}

// report returns the receipts' part of /status.
func (r *receipts) report() outbox.Report {
	if r == nil {
		return outbox.Report{}
	}
	return r.Report()
}

// forSession returns the outbox as the session's interface, nil where there is none.
func (r *receipts) forSession() process.Receipts {
	if r == nil {
		return nil
	}
	return r
}

// forFollower returns the outbox as the follower's interface, nil where there is none.
func (r *receipts) forFollower() follow.Receipts {
	if r == nil {
		return nil
	}
	return r
}
