package kafka

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go/protocol/describeconfigs"
)

// topicResource is the type of a topic among the resources that have settings.
const topicResource int8 = 2

// TopicSettings asks for settings of a topic by their names, which takes the permission
// DESCRIBE_CONFIGS. Those that the brokers do not know are not in the answer.
func (c *Client) TopicSettings(ctx context.Context, topic string, names ...string) (map[string]string, error) {
	answer, err := roundTrip[*describeconfigs.Response](ctx, c, &describeconfigs.Request{
		Resources: []describeconfigs.RequestResource{{ResourceType: topicResource, ResourceName: topic, ConfigNames: names}},
	})
	if err == nil && len(answer.Resources) != 1 {
		err = fmt.Errorf("the broker answered for %d topics", len(answer.Resources))
	}
	if err == nil {
		err = Code(answer.Resources[0].ErrorCode).Err()
	}
	if err != nil {
		return nil, fmt.Errorf("describe the settings of topic %s: %w", topic, err)
	}
	settings := map[string]string{}
	for _, e := range answer.Resources[0].ConfigEntries {
		settings[e.ConfigName] = e.ConfigValue
	}
	return settings, nil
}
