package main

import (
	"context"
	"log/slog"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/outbox"
)

// endsBytes bounds the ends of imports that wait for the receipts' topic.
const endsBytes = 16 << 20

// outbox builds what writes receipts, and returns it with the function that runs it and
// closes its connections at the end. They are its own, since it outlives the consumer.
// Both are nil where no receipts are wanted.
func (w *wiring) outbox(ctx context.Context, m *outbox.Metrics, throttled func(time.Duration), logger *slog.Logger) (box *outbox.Outbox, run func(context.Context) error, err error) {
	topic := w.cfg.Policies.ReceiptsTopic
	if topic == "" {
		return nil, nil, nil
	}
	client, err := w.kafkaClient(ctx)
	if err != nil {
		return nil, nil, err
	}
	box = outbox.New(outbox.Config{Topic: topic, MaxBackoff: w.cfg.Retry.MaxBackoff, MaxBytes: endsBytes},
		kafka.NewProducer(client, topic, throttled), logger, client.Explain, m)
	return box, func(ctx context.Context) error {
		defer client.Close()
		return box.Run(ctx)
	}, nil
}
