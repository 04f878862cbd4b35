package main

import (
	"context"
	"log/slog"
	"time"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/follow"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/outbox"
)

// endsBytes bounds the ends of imports that wait for the receipts' topic.
const endsBytes = 16 << 20

// receipts writes receipts; all of it but report is nil where none are wanted. Its
// connections are its own, since it outlives the consumer's.
type receipts struct {
	session  process.Receipts
	follower follow.Receipts
	report   func() outbox.Report            // the receipts' part of /status
	run      func(ctx context.Context) error // writes until the context ends, and closes the connections
}

func (w *wiring) receipts(ctx context.Context, m *outbox.Metrics, throttled func(time.Duration), logger *slog.Logger) (out receipts, err error) {
	topic := w.cfg.Policies.ReceiptsTopic
	if topic == "" {
		return receipts{report: func() outbox.Report { return outbox.Report{} }}, nil
	}
	client, err := w.kafkaClient(ctx)
	if err != nil {
		return out, err
	}
	producer := kafka.NewProducer(client, topic, throttled)
	box := outbox.New(outbox.Config{Topic: topic, MaxBackoff: w.cfg.Retry.MaxBackoff, MaxBytes: endsBytes}, producer, logger, client.Explain, m)
	return receipts{box, box, box.Report, func(ctx context.Context) error {
		defer client.Close()
		return box.Run(ctx)
	}}, nil
}
