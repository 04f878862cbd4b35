package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/auth"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/internal/record"
)

// wiring makes the parts of the program out of the configuration.
type wiring struct {
	cfg   *config.Config
	roots *roots // for the API, the stores, the OAuth endpoint and the schema registry
}

// consumerConfig returns the consumer's part of the configuration, but for its schemas.
func consumerConfig(cfg *config.Config) process.Config {
	out := process.Config{
		Settings: group.Settings{
			Group: cfg.Kafka.GroupID, InstanceID: cfg.Kafka.InstanceID,
			SessionTimeout: cfg.Kafka.SessionTimeout, RebalanceTimeout: cfg.Kafka.RebalanceTimeout, HeartbeatInterval: cfg.Kafka.HeartbeatInterval,
		},
		StayOnStop:      !cfg.Kafka.LeaveOnStop,
		Topics:          kafka.Selection{Topics: cfg.Kafka.Topics, Regex: cfg.Kafka.TopicRegex.Regexp, Exclude: cfg.Kafka.TopicExclude.Regexp},
		OffsetReset:     cfg.Kafka.OffsetReset,
		ReadCommitted:   cfg.Kafka.IsolationLevel == config.ReadCommitted,
		MetadataRefresh: cfg.Kafka.MetadataRefresh,
		Fetch:           fetch.Requests{MaxBytes: int64(cfg.Kafka.FetchMaxBytes), MaxWait: cfg.Kafka.FetchMaxWait, Rack: cfg.Kafka.Rack},
		Record:          recordSettings(cfg),
		Policies: process.Policies{
			OnInvalid: cfg.Policies.OnInvalid, OnTombstone: cfg.Policies.OnTombstone, OnRejected: cfg.Policies.OnRejected,
			SkipRecords: cfg.Policies.Skip, DLQTopic: cfg.Policies.DLQTopic, ReceiptsTopic: cfg.Policies.ReceiptsTopic,
			HoldProbeInterval: cfg.Policies.HoldProbeInterval,
		},
		Batch:          batcher.Limits{MaxBytes: int64(cfg.Batch.MaxBytes), MaxRecords: cfg.Batch.MaxRecords, MaxAge: cfg.Batch.MaxAge},
		BufferMaxBytes: int64(cfg.Buffer.MaxBytes),
		Uploads: process.Uploads{
			UploadConcurrency: cfg.API.UploadConcurrency, NamespaceConcurrency: cfg.API.NamespaceConcurrency, MaxBackoff: cfg.Retry.MaxBackoff,
		},
		ShutdownTimeout: cfg.Shutdown.Timeout,
	}
	out.Topics.Own = slices.DeleteFunc([]string{out.DLQTopic, out.ReceiptsTopic}, func(topic string) bool { return topic == "" })
	return out
}

// recordSettings returns how records become lines.
func recordSettings(cfg *config.Config) record.Settings {
	out := record.Settings{
		Value: cfg.Value.Source, Namespace: cfg.Namespace.Source, Map: cfg.Namespace.Map, Allow: cfg.Namespace.Allow.Regexp,
		ID: cfg.ID.Source, IDNumbers: cfg.ID.Numbers == config.NumbersString,
		MaxLineBytes: int64(cfg.Batch.MaxBytes), MaxFanoutBytes: int64(cfg.Buffer.MaxBytes) / 4,
		FanoutOverhead: process.LineOverhead,
	}
	if cfg.Value.Format == config.FormatRegistry {
		out.Format = schemaFormat
	}
	return out
}

// clientID returns this replica's client id, as the group and the brokers' logs show
// it.
func clientID(cfg *config.Config) string {
	if cfg.Kafka.InstanceID == "" {
		return cfg.Kafka.ClientID
	}
	return cfg.Kafka.ClientID + "-" + cfg.Kafka.InstanceID
}

// kafkaClient builds a client of the brokers. A fault of the configuration that shows
// only here is a *config.Fault.
func (w *wiring) kafkaClient(ctx context.Context) (*kafka.Client, error) {
	k := w.cfg.Kafka
	login := auth.Config{
		TLS: k.TLS.Enabled, CAFile: k.TLS.CAFile, CertFile: k.TLS.CertFile, KeyFile: k.TLS.KeyFile,
		ServerName: k.TLS.ServerName, InsecureSkipVerify: k.TLS.InsecureSkipVerify,
		Mechanism: string(k.SASL.Mechanism), Username: k.SASL.Username, Password: k.SASL.Password.Latest, AWSRegion: k.SASL.AWSRegion,
		OAuth: auth.OAuth{
			TokenURL: k.SASL.OAuthTokenURL.String(), ClientID: k.SASL.OAuthClientID, ClientSecret: k.SASL.OAuthClientSecret.Latest, Scopes: k.SASL.OAuthScopes,
			Client: httpsClient(w.roots, oauthTimeout),
		},
	}
	for _, x := range k.SASL.OAuthExtensions {
		login.OAuth.Extensions = append(login.OAuth.Extensions, auth.OAuthExtension(x))
	}
	client := kafka.Config{Brokers: k.Brokers, ClientID: clientID(w.cfg), Explain: login.Explain}
	if login.TLS {
		client.TLS = login.TLSConfig
		if _, err := login.TLSConfig(); err != nil { // better now than with the first connection
			return nil, err
		}
	}
	mechanism, err := login.SASLMechanism(ctx)
	if err != nil {
		return nil, mechanismFault(k.SASL.Mechanism, err)
	}
	client.SASL = mechanism
	return kafka.NewClient(client), nil
}

// mechanismFault turns an error of the AWS default chain into a fault of the setting
// that would mend it.
func mechanismFault(mechanism config.SASLMechanism, err error) *config.Fault {
	const variable = "BRIDGE_KAFKA_SASL_MECHANISM"
	if errors.Is(err, auth.ErrNoRegion) {
		return &config.Fault{
			Variable: "AWS_REGION", Remedy: "set AWS_REGION",
			Problem: "it is required by " + variable + "=" + string(mechanism) + ", since the AWS default chain knows no region",
		}
	}
	return &config.Fault{
		Variable: variable, Value: string(mechanism), Problem: err.Error(),
		Remedy: "correct the environment and the files of the AWS default chain",
	}
}

// oauthTimeout bounds one request for a token.
const oauthTimeout = 15 * time.Second

// userAgent returns the name of the program for the servers that it asks.
func userAgent() string { return "kafka-import-bridge/" + currentBuild().Version }

// interactiveClient builds a client of the import API for a person who waits, for
// checkPatience at most. Whoever asks for it closes it.
func (w *wiring) interactiveClient() *importer.Client {
	cfg := *w.cfg
	cfg.API.ImportTimeout = min(cfg.API.ImportTimeout, checkPatience)
	return (&wiring{&cfg, w.roots}).importClient(nil, nil)
}

// importClient builds the client of the import API.
func (w *wiring) importClient(reg prometheus.Registerer, logger *slog.Logger) *importer.Client {
	cfg := w.cfg
	credentials := apiCredentials{cfg.API.Key, cfg.API.CustomHeaders}
	return importer.New(importer.Config{
		BaseURL: cfg.API.BaseURL.URL, Path: cfg.API.ImportPath, Key: credentials, Headers: credentials.Headers, Log: logger,
		Patience: importer.Patience{
			CreateTimeout: cfg.API.ImportTimeout, UploadTimeout: cfg.API.UploadTimeout,
			MinBackoff: cfg.Retry.MinBackoff, MaxBackoff: cfg.Retry.MaxBackoff,
		},
		Network:           importer.Network{RootCAs: w.roots.latest, MaxConns: cfg.API.UploadConcurrency},
		AllowInsecureHTTP: cfg.API.AllowInsecureHTTP, UserAgent: userAgent(),
	}, reg)
}
