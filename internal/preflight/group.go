package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// checkGroup reads what the group has committed, and looks at what this user
// may do with it and at who its members are.
func (p *Preflight) checkGroup(ctx context.Context) Finding {
	check := "group " + p.cfg.Group
	var partitions []kafka.TopicPartition
	for _, t := range p.topics {
		for _, part := range t.partitions {
			partitions = append(partitions, kafka.TopicPartition{Topic: t.name, Partition: part.Partition})
		}
	}
	var committed, known map[kafka.TopicPartition]kafka.Committed
	err := patiently(ctx, func(ctx context.Context) (err error) {
		if committed, err = p.client.FetchOffsets(ctx, p.cfg.Group, partitions); err == nil {
			err = kafka.FirstError(committed)
		}
		if err == nil {
			known, err = p.client.FetchAllOffsets(ctx, p.cfg.Group) // it may have read other topics before
		}
		return err
	})
	if code, _ := errors.AsType[kafka.Code](err); code == kafka.CodeUnknownGroup {
		err = nil // some brokers know no offsets of a group that never was
	}
	if err != nil {
		return p.failure(check, err)
	}
	p.committed, p.committing, p.fresh = committed, true, true
	for _, c := range known {
		p.fresh = p.fresh && c.Offset < 0
	}
	if foreign := p.client.ForeignGroup(ctx, p.cfg.Group); foreign != nil {
		return Finding{Check: check, Detail: oneLine(foreign.Error()), Remedy: "stop that program or choose another BRIDGE_KAFKA_GROUP_ID"}
	}
	g, err := p.client.DescribeGroup(ctx, p.cfg.Group)
	if err != nil {
		return Finding{Check: check, OK: true, Detail: "its offsets can be read; joining was not proven and its members are unknown: " +
			oneLine(p.base.Explain(err))}
	}
	return p.judgeGroup(check, g)
}

// patiently repeats a call for a while as long as the broker asks to: the first
// group of a cluster finds its coordinator being made.
func patiently(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, preflightPatience)
	defer cancel()
	for {
		err := call(ctx)
		code, answered := errors.AsType[kafka.Code](err)
		if !answered || !code.Retriable() || sleep.For(ctx, 200*time.Millisecond) != nil {
			return err
		}
	}
}

func (p *Preflight) judgeGroup(check string, g *kafka.Group) Finding {
	operations := g.Operations
	strangers := foreignMembers(g)
	switch {
	case operations != wire.UnknownOperations && !operations.Has(wire.OperationRead):
		return p.failure(check, fmt.Errorf("the brokers do not grant READ: %w", kafka.CodeGroupDenied))
	case g.ProtocolType != "" && g.ProtocolType != "consumer":
		return Finding{Check: check, Detail: fmt.Sprintf("belongs to members of another kind: %q", g.ProtocolType),
			Remedy: "choose another BRIDGE_KAFKA_GROUP_ID: a group is for bridges only"}
	case len(strangers) > 0:
		return Finding{Check: check, Detail: "is shared with other clients: " + strings.Join(strangers, ", "),
			Remedy: "stop them or choose another BRIDGE_KAFKA_GROUP_ID: a group is for bridges only"}
	}
	detail := "its offsets can be read; the brokers grant READ, which joining and committing need"
	if operations == wire.UnknownOperations {
		detail = "its offsets can be read; joining was not proven, for the brokers do not tell permissions"
	}
	if len(g.Members) == 0 {
		return Finding{Check: check, OK: true, Detail: detail + "; nobody is in it"}
	}
	return Finding{Check: check, OK: true, Detail: fmt.Sprintf("%s; %s in it, state %s", detail, count(len(g.Members), "member"), g.State)}
}

// foreignMembers returns the client ids of members that are no bridges, sorted
// and each once. Only a stable group shows what its members said.
func foreignMembers(g *kafka.Group) (ids []string) {
	for _, m := range g.Members {
		if len(m.Metadata) > 0 && new(wire.Subscription).Decode(m.Metadata) != nil {
			ids = append(ids, fmt.Sprintf("%q", m.ClientID))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
