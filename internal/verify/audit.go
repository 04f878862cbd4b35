package verify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/scan"
)

// Audit finds out from Kafka what a bridge has done with its records. Make it with
// New. It is not safe for concurrent use.
type Audit struct {
	cfg    *process.Config
	client *kafka.Client
	source source
	judge  judge
}

// New prepares an audit of bridges of a configuration, at the cluster of the client.
// Whoever asks for it runs the configuration's Schemas, and closes the client. It is an
// error if the settings of records are incomplete or reject every record.
func New(cfg *process.Config, client *kafka.Client) (*Audit, error) {
	judge, err := scan.NewJudge(cfg)
	if err != nil {
		return nil, err
	}
	return &Audit{cfg, client, scan.NewReader(client, cfg), judge}, nil
}

// Verify accounts for the records from a time on, the zero time for all, up to the
// committed offsets. It calls progress now and then. What cannot be read makes an error,
// with its remedy where one is known, and no report.
func (a *Audit) Verify(ctx context.Context, since time.Time, progress func(Progress)) (*Report, error) {
	in, err := a.input(ctx, since)
	if err != nil {
		return nil, a.explained(err)
	}
	in.Settings, in.Progress = a.cfg.Record.Fingerprint(), progress
	report, err := run(ctx, in, a.source, a.judge)
	return report, a.explained(err)
}

// Trace finds out what became of one record, which must be of a topic that the bridge
// reads. An error has its remedy where one is known.
func (a *Audit) Trace(ctx context.Context, place kafka.Place) (*Trail, error) {
	in, err := a.search(ctx, place)
	if err != nil {
		return nil, a.explained(err)
	}
	trail, err := trace(ctx, in, a.source, a.judge)
	return trail, a.explained(err)
}

// explained adds to an error of a broker what helps.
func (a *Audit) explained(err error) error {
	if err == nil {
		return nil
	}
	if text := a.client.Explain(err); !strings.HasPrefix(text, err.Error()) {
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
}
