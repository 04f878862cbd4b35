package preflight

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/kafkarig"
)

// The settings of a topic that refuses, or loses, what a bridge writes are named.
// Nothing follows from brokers that do not tell them.
func TestWritten_theTopicsSettings(t *testing.T) {
	for name, tc := range map[string]struct {
		settings map[string]string
		letters  string // a part of what is found, "" for no fault
		receipts string
	}{
		"usual":              {map[string]string{"cleanup.policy": "delete"}, "", ""},
		"compacted":          {map[string]string{"cleanup.policy": "compact"}, "cleanup.policy is compact: it refuses the dead letters of records without a key", ""},
		"compacted, deleted": {map[string]string{"cleanup.policy": "compact,delete"}, "cleanup.policy is compact,delete: ", ""},
		"an old format":      {map[string]string{"message.format.version": "0.10.2"}, "records have no headers", "records have no headers"},
		"a newer one":        {map[string]string{"message.format.version": "0.11.0"}, "", ""},
		"validated":          {map[string]string{"confluent.value.schema.validation": "true"}, "by a schema", "by a schema"},
		"not validated":      {map[string]string{"confluent.value.schema.validation": "false"}, "", ""},
		"denied":             {nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := kafkarig.New(t, kafka.Config{}, kfake.SeedTopics(1, "orders", "users", "letters", "receipts"))
				r.Cluster.ControlKey(kmsg.DescribeConfigs.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
					r.Cluster.KeepControl()
					return settingsOf(q.(*kmsg.DescribeConfigsRequest), tc.settings), nil, true
				})
				found := strings.Join(preflight(r, 0, func(c *process.Config) { c.DLQTopic, c.ReceiptsTopic = "letters", "receipts" }), "\n") + "\n"
				for check, want := range map[string]string{"dead-letter topic letters: ": tc.letters, "receipts topic receipts: ": tc.receipts} {
					_, line, _ := strings.Cut(found, check)
					line, _, _ = strings.Cut(line, "\n")
					if failed := strings.Contains(found, "FAIL "+check); failed != (want != "") || !strings.Contains(line, want) {
						t.Errorf("%s%s, failed %t, want %q", check, line, failed, want)
					}
				}
			})
		})
	}
}

// settingsOf answers with settings, or with a refusal where they are nil.
func settingsOf(q *kmsg.DescribeConfigsRequest, settings map[string]string) kmsg.Response {
	answer := q.ResponseKind().(*kmsg.DescribeConfigsResponse)
	resource := kmsg.NewDescribeConfigsResponseResource()
	resource.ResourceType, resource.ResourceName = q.Resources[0].ResourceType, q.Resources[0].ResourceName
	if settings == nil {
		resource.ErrorCode = kerr.TopicAuthorizationFailed.Code
	}
	for name, value := range settings {
		entry := kmsg.NewDescribeConfigsResponseResourceConfig()
		entry.Name, entry.Value = name, &value
		resource.Configs = append(resource.Configs, entry)
	}
	answer.Resources = append(answer.Resources, resource)
	return answer
}

// Brokers that hang up on the question hold the check up by no more than one call.
func TestWritten_brokersThatTellNoSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.SeedTopics(1, "orders", "users", "letters"))
		r.Cluster.ControlKey(kmsg.DescribeConfigs.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			return nil, errors.New("hang up"), true
		})
		began := time.Now()
		finds(r, preflight(r, 0, func(c *process.Config) { c.DLQTopic = "letters" }),
			"dead-letter topic letters: exists with 1 partition, whose leaders answer; the brokers grant WRITE; nothing was written")
		if took := time.Since(began); took > preflightPatience+time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// The question is one that brokers understand.
func TestWritten_asksForTheTopicsSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.SeedTopics(1, "orders", "users"))
		if err := r.Cluster.CreateTopic("letters", 1, map[string]string{"cleanup.policy": "compact"}); err != nil {
			t.Fatal(err)
		}
		found := strings.Join(preflight(r, 0, func(c *process.Config) { c.DLQTopic = "letters" }), "\n")
		if !strings.Contains(found, "FAIL dead-letter topic letters: cleanup.policy is compact: ") {
			t.Error(found)
		}
	})
}
