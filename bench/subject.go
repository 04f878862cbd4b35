package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Names of the subjects.
const (
	bridgeName    = "bridge"
	againstName   = "other build"
	straightName  = "straight line"
	orderedName   = "straight line, in order"
	bentoName     = "Bento"
	bentoTextName = "Bento by text"
)

// subject is a program that is measured.
type subject struct {
	name    string
	command func(ctx context.Context, r *setup) *exec.Cmd
	// ours is a bridge: it promises to repeat nothing and to stop cleanly, and
	// takes part in scenarios that no other would end.
	ours bool
	only []string // names of scenarios; nil is each
	// ordered keeps the order of a namespace's lines, one PUT after another. It takes
	// part where the store is what limits that.
	ordered bool
}

func (s *subject) takesPart(in *scenario) bool {
	return (s.ours || !in.alone) && (!s.ordered || in.ordered) && (s.only == nil || slices.Contains(s.only, in.name))
}

// setup is what a subject has to know of a run.
type setup struct {
	brokers, topic, group string
	store                 string // http://host:port, or https
	tls                   *credentials
	registry              string // of schemas, where values need one
	age                   time.Duration
	partitions            int
	pprof                 string // host:port, or empty
}

// subjects are those whose binaries are known.
func (o *options) subjects() []subject {
	all := []subject{{name: bridgeName, command: o.bridgeCommand(o.bridge), ours: true}}
	if o.against != "" {
		all = append(all, subject{name: againstName, command: o.bridgeCommand(o.against), ours: true})
	}
	if o.straight != "" {
		all = append(all, subject{name: straightName, command: o.straightCommand(false)},
			subject{name: orderedName, command: o.straightCommand(true), ordered: true})
	}
	if o.bento != "" {
		text := filepath.Join(filepath.Dir(o.bentoConfig), "text.yaml")
		all = append(all, subject{name: bentoName, command: o.bentoCommand(o.bentoConfig)})
		if _, err := os.Stat(text); err == nil && o.data == nil {
			all = append(all, subject{name: bentoTextName, command: o.bentoCommand(text), only: []string{"lz4"}})
		}
	}
	return all
}

func (o *options) bridgeCommand(binary string) func(context.Context, *setup) *exec.Cmd {
	return func(ctx context.Context, r *setup) *exec.Cmd {
		cmd := exec.CommandContext(ctx, binary)
		cmd.Env = append(os.Environ(),
			"BRIDGE_KAFKA_BROKERS="+r.brokers, "BRIDGE_KAFKA_TOPICS="+r.topic, "BRIDGE_KAFKA_GROUP_ID="+r.group,
			"BRIDGE_NAMESPACE=field:"+o.field, "BRIDGE_BATCH_MAX_AGE="+r.age.String(), "BRIDGE_BUFFER_MAX_BYTES="+strconv.FormatInt(o.buffer, 10),
			"SAFETYKIT_API_KEY=bench", "SAFETYKIT_BASE_URL="+r.store, "BRIDGE_HTTP_ADDR=127.0.0.1:0",
		)
		if r.pprof != "" {
			cmd.Env = append(cmd.Env, "BRIDGE_PPROF_ADDR="+r.pprof)
		}
		if r.tls != nil {
			cmd.Env = append(cmd.Env, "BRIDGE_KAFKA_TLS=true", "BRIDGE_KAFKA_TLS_CA_FILE="+r.tls.ca, "BRIDGE_KAFKA_TLS_CERT_FILE="+r.tls.cert,
				"BRIDGE_KAFKA_TLS_KEY_FILE="+r.tls.key, "BRIDGE_HTTP_CA_FILE="+r.tls.ca)
		}
		if r.registry != "" {
			cmd.Env = append(cmd.Env, "BRIDGE_VALUE_FORMAT=registry", "BRIDGE_SCHEMA_REGISTRY_URL="+r.registry)
		}
		cmd.Env = append(cmd.Env, o.env...)
		return cmd
	}
}

func (o *options) straightCommand(ordered bool) func(context.Context, *setup) *exec.Cmd {
	name := o.field[1+strings.LastIndexByte(o.field, '.'):]
	return func(ctx context.Context, r *setup) *exec.Cmd {
		cmd := exec.CommandContext(ctx, o.straight, "-brokers", r.brokers, "-topic", r.topic, "-group", r.group, "-store", r.store, "-age", r.age.String(), "-field", name)
		if ordered {
			cmd.Args = append(cmd.Args, "-ordered")
		}
		if r.tls != nil {
			cmd.Args = append(cmd.Args, "-ca", r.tls.ca, "-cert", r.tls.cert, "-key", r.tls.key)
		}
		return cmd
	}
}

// bentoBuffered is what Bento gathers in all partitions together before it
// groups: more does not make it faster.
const bentoBuffered = 128 << 20

func (o *options) bentoCommand(config string) func(context.Context, *setup) *exec.Cmd {
	return func(ctx context.Context, r *setup) *exec.Cmd {
		cmd := exec.CommandContext(ctx, o.bento, "-c", config)
		cmd.Env = append(os.Environ(), "BENCH_BROKERS="+r.brokers, "BENCH_TOPIC="+r.topic, "BENCH_GROUP="+r.group,
			"BENCH_STORE="+r.store, "BENCH_AGE="+r.age.String(), "BENCH_FIELD="+o.field,
			"BENCH_BATCH="+strconv.Itoa(min(max(bentoBuffered/r.partitions, 1<<20), 16<<20)))
		if r.tls != nil {
			cmd.Env = append(cmd.Env, "BENCH_TLS=true", "BENCH_CA="+r.tls.ca, fmt.Sprintf("BENCH_CERTS=[{cert_file: %q, key_file: %q}]", r.tls.cert, r.tls.key))
		}
		return cmd
	}
}

// missing says which program is not there.
func (o *options) missing() error {
	for _, binary := range []string{o.bridge, o.against, o.straight, o.bento} {
		if binary == "" {
			continue
		}
		if _, err := os.Stat(binary); err != nil {
			return fmt.Errorf("find program: %w (make bench and make bench-peers build it)", err)
		}
	}
	return nil
}
