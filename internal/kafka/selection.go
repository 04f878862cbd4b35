package kafka

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"

	"kafka-import-bridge/internal/wire"
)

// Selection says which topics are meant: either those of a list or those that a
// regular expression matches.
type Selection struct {
	Topics  []string
	Regex   *regexp.Regexp // anchored; nil: those of Topics
	Exclude *regexp.Regexp // anchored; what Regex matches and this too is not meant; nil: nothing
	Own     []string       // the bridge's own topics, which Regex never matches
}

// Subscription is the topics to read, with their partitions and ids.
type Subscription struct {
	Topics  []string             // existing ones, sorted
	Missing []string             // listed ones that do not exist
	Unclear []string             // listed ones of which the brokers say nothing, such as what may not be described
	Parts   map[string]int       // partitions of each topic
	IDs     map[string]wire.UUID // of the topics
	Cluster string
}

// Resolve asks which of the selected topics exist. Where the brokers say nothing
// of some topics it returns, beside the error, what they say of the others; without
// any answer the metadata is nil.
func (c *Client) Resolve(ctx context.Context, s Selection) (Subscription, *wire.MetadataResponse, error) {
	md, err := c.Metadata(ctx, s.Topics) // nil with a regular expression: all
	if err != nil {
		return Subscription{}, nil, err
	}
	sub := Subscription{Parts: map[string]int{}, IDs: map[string]wire.UUID{}, Cluster: md.ClusterID}
	for _, t := range md.Topics {
		switch code := Code(t.ErrorCode); {
		case !s.Matches(t):
			continue
		case code.TopicGone():
			continue
		case code == CodeLeaderNotAvailable:
			// It exists; partitions without a leader are resolved later.
		case code != CodeOK && s.Regex == nil:
			sub.Unclear = append(sub.Unclear, t.Name)
			if err == nil {
				err = readError(t.Name, code)
			}
			continue
		case code != CodeOK:
			continue
		}
		sub.Topics = append(sub.Topics, t.Name)
		sub.Parts[t.Name] = len(t.Partitions)
		sub.IDs[t.Name] = t.ID
	}
	slices.Sort(sub.Topics)
	for _, name := range s.Topics {
		if !slices.Contains(sub.Topics, name) && !slices.Contains(sub.Unclear, name) {
			sub.Missing = append(sub.Missing, name)
		}
	}
	return sub, md, err
}

// Matches reports whether the selection means a topic of the metadata it asked
// for. Internal topics and those whose name starts with two underscores are never
// matched by a regular expression.
func (s *Selection) Matches(t wire.TopicMetadata) bool {
	return s.Regex == nil || s.candidate(t) && !s.excludes(t.Name)
}

// Excludes reports whether nothing but the excluding expression keeps a topic out of
// the selection.
func (s *Selection) Excludes(t wire.TopicMetadata) bool {
	return s.Regex != nil && s.candidate(t) && s.excludes(t.Name)
}

// LeavesOutOwn reports whether the regular expression matches a topic that the bridge
// writes to, and that is left out for that reason.
func (s *Selection) LeavesOutOwn(t wire.TopicMetadata) bool {
	return s.Regex != nil && slices.Contains(s.Own, t.Name) && s.Regex.MatchString(t.Name)
}

// candidate reports whether the regular expression may match the topic, and does.
func (s *Selection) candidate(t wire.TopicMetadata) bool {
	return !t.Internal && !strings.HasPrefix(t.Name, "__") && !slices.Contains(s.Own, t.Name) && s.Regex.MatchString(t.Name)
}

func (s *Selection) excludes(name string) bool {
	return s.Exclude != nil && s.Exclude.MatchString(name)
}

// Change is the reason why a subscription is out of date.
type Change string

// The changes, in words for people.
const (
	Unchanged       Change = ""
	TopicsChanged   Change = "the topics have changed"
	TopicRecreated  Change = "a topic was created anew"
	PartitionsAdded Change = "partitions were added"
)

// ChangeTo returns what makes the subscription out of date now that there is next.
func (s *Subscription) ChangeTo(next *Subscription) Change {
	switch {
	case !slices.Equal(s.Topics, next.Topics):
		return TopicsChanged
	case !maps.EqualFunc(s.IDs, next.IDs, func(a, b wire.UUID) bool { return !a.Differs(b) }):
		return TopicRecreated
	case !maps.Equal(s.Parts, next.Parts):
		return PartitionsAdded
	}
	return Unchanged
}

// RecreatedSince returns the topics that were created anew since an earlier resolution.
func (s *Subscription) RecreatedSince(before *Subscription) (topics []string) {
	for _, name := range s.Topics {
		if s.IDs[name].Differs(before.IDs[name]) {
			topics = append(topics, name)
		}
	}
	return topics
}

// Assume keeps the last known state of topics of which the brokers say nothing.
func (s *Subscription) Assume(before *Subscription) {
	for _, name := range s.Unclear {
		if slices.Contains(before.Topics, name) {
			s.Topics = append(s.Topics, name)
			s.Parts[name], s.IDs[name] = before.Parts[name], before.IDs[name]
		}
	}
	slices.Sort(s.Topics)
}
