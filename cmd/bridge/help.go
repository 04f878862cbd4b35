package main

import (
	"context"
	"fmt"
)

const synopsis = `usage: bridge [run]
       bridge check [-namespace NAME] [-sample N] [-json]
       bridge config [-markdown]
       bridge import NAMESPACE REQUEST_ID
       bridge version
       bridge help
`

const manual = `NAME
    bridge - import Kafka records by namespace, losing none

SYNOPSIS
    bridge [run]
    bridge check [-namespace NAME] [-sample N] [-json]
    bridge config [-markdown]
    bridge import NAMESPACE REQUEST_ID
    bridge version
    bridge help

DESCRIPTION
    bridge reads the topics of a Kafka cluster as a member of a consumer group.
    Each record becomes one JSON line of one or more namespaces. Lines gather
    in a batch per namespace; a batch that is full or old enough is imported:
    the import API gives an upload URL, the batch is PUT there, and only then
    are its offsets committed.

    Run as many as there are partitions; they share the work.

COMMANDS
    run      Bridge until told to stop. The default.

    check    Try what run needs and print one line for each thing, beginning
             with ok or fail: brokers, authentication, topics, permissions and
             the API key. Consumes and imports nothing.
             -namespace NAME   also ask for an upload URL of this namespace
             -sample N         also read N records of each topic and tell what
                               would become of them
             -json             print JSON, one object a line

    config   Print every setting with its default and the value in force;
             secrets are redacted.
             -markdown         print docs/settings.md instead

    import   Print what became of one import: its status, the number of its
             results and what the API says about errors, which may hold parts
             of records. The log line "imported" has the request id.

    version  Print the version, the revision and the toolchain.

ENVIRONMENT
    All settings are environment variables. These four start it:

        BRIDGE_KAFKA_BROKERS     host:port,...
        BRIDGE_KAFKA_TOPICS      topic,...
        BRIDGE_KAFKA_GROUP_ID    a consumer group for bridges only
        SAFETYKIT_API_KEY        or SAFETYKIT_API_KEY_FILE

    bridge config lists the others. An empty variable equals an unset one. A
    misspelt one is an error. A secret can be given as a file through its
    _FILE variable; the file is read again when credentials are refused.

HTTP
    BRIDGE_HTTP_ADDR, by default :8080, serves
        /          a page for people: what is read, imported and held, and why
        /status    the same as JSON; /history the figures of five minutes
        /metrics   for Prometheus
        /healthz   200 unless a restart would help
        /readyz    200 while it is a member of its group and is not stopping

SIGNALS
    SIGTERM, SIGINT   stop fetching, store what is open, commit, leave the
                      group and exit. A second one exits at once.

EXIT STATUS
    0   stopped cleanly; check: all is well; import: it has not failed
    1   failed while running; check: something is not well; import: it has
        failed, or the API does not tell
    2   bad configuration or usage

EXAMPLE
    export BRIDGE_KAFKA_BROKERS=kafka-0:9092
    export BRIDGE_KAFKA_TOPICS=users,listings
    export BRIDGE_KAFKA_GROUP_ID=bridge
    export SAFETYKIT_API_KEY_FILE=/run/secrets/api-key
    bridge check -namespace users && bridge
`

// helpCommand is `bridge help`.
func helpCommand(_ context.Context, inv invocation) error {
	if err := inv.parse(inv.flags("help")); err != nil {
		return err
	}
	_, err := fmt.Fprint(inv.stdout, manual)
	return err
}
