package preflight

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// checkWritten looks at a topic that the bridge writes to, without writing to it:
// whether it exists, whether its leaders can be reached, and what the brokers say about
// the permission to write. That a record of a certain size will be accepted is not
// proven.
func (p *Preflight) checkWritten(ctx context.Context, what, topic, setting string) Finding {
	check := what + " " + topic
	md, err := p.client.DescribeTopic(ctx, topic)
	if code, _ := errors.AsType[kafka.Code](err); code.TopicGone() {
		return Finding{Check: check, Detail: "does not exist", Remedy: "create it, for the bridge never does, or correct " + setting}
	}
	if err != nil {
		return p.failure(check, fmt.Errorf("describe topic: %w", toWrite(topic, err)))
	}
	t := newInspectedTopic(md)
	if err := p.reachLeaders(ctx, t); err != nil {
		return p.failure(check, toWrite(topic, err))
	}
	detail := fmt.Sprintf("exists with %s, whose leaders answer; ", count(len(t.partitions), "partition"))
	switch {
	case md.Operations == wire.UnknownOperations:
		detail += "the permission to write was not proven, for the brokers do not tell it"
	case !md.Operations.Has(wire.OperationWrite):
		return p.failure(check, fmt.Errorf("the brokers do not grant WRITE: %w", toWrite(topic, kafka.CodeTopicDenied)))
	default:
		detail += "the brokers grant WRITE; nothing was written"
	}
	if fault, remedy := p.unfit(ctx, topic); fault != "" {
		return Finding{Check: check, Detail: fault, Remedy: remedy}
	}
	return Finding{Check: check, OK: true, Detail: detail}
}

// The settings of a topic that may make it refuse, or lose, what a bridge writes.
const (
	cleanupPolicy = "cleanup.policy"
	formatVersion = "message.format.version" // brokers before 4.0
	checksKeys    = "confluent.key.schema.validation"
	checksValues  = "confluent.value.schema.validation"
)

// unfit returns why the topic's settings do not suit what is written to it, and what to
// do about it, "" where they do. Where
// they may not be asked for it is found out when a record is refused.
func (p *Preflight) unfit(ctx context.Context, topic string) (fault, remedy string) {
	settings, err := p.client.TopicSettings(ctx, topic, cleanupPolicy, formatVersion, checksKeys, checksValues)
	if err != nil {
		return "", ""
	}
	format, letters := settings[formatVersion], topic == p.cfg.DLQTopic
	switch {
	case strings.HasPrefix(format, "0.8") || strings.HasPrefix(format, "0.9") || strings.HasPrefix(format, "0.10"):
		return formatVersion + " is " + format + ", in which records have no headers: none that the bridge writes is taken", "raise the topic's " + formatVersion
	case letters && strings.Contains(settings[cleanupPolicy], "compact"):
		return cleanupPolicy + " is " + settings[cleanupPolicy] + ": it refuses the dead letters of records without a key, and of each key it keeps the last one only", "set the topic's " + cleanupPolicy + " to delete"
	case settings[checksKeys] == "true" || settings[checksValues] == "true":
		return "its brokers check keys or values by a schema: they refuse what has none", "set the topic's " + checksKeys + " and " + checksValues + " to false"
	}
	return "", ""
}

// toWrite makes a refusal one to write to the topic.
func toWrite(topic string, err error) error {
	if code, _ := kafka.CodeOf(err); code == kafka.CodeTopicDenied {
		return &kafka.TopicDeniedError{Topic: topic, Write: true}
	}
	return err
}

// reachLeaders asks every leader of a topic for offsets, which a topic that may
// be written allows too.
func (p *Preflight) reachLeaders(ctx context.Context, t *inspectedTopic) error {
	askLeaders([]*inspectedTopic{t}, func(leader int32, parts []*inspectedPartition) { p.listLogs(ctx, leader, parts) })
	for _, part := range t.partitions {
		if part.err != nil {
			return fmt.Errorf("partition %d: %w", part.Partition, part.err)
		}
	}
	return nil
}
