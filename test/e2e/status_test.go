package e2e

import (
	"encoding/json"
	"time"
)

// status is what a test looks at in /status.
type status struct {
	State string `json:"state"`
	Group struct {
		Generation int32 `json:"generation"`
	} `json:"group"`
	Buffer struct {
		Bytes int64 `json:"bytes"`
		Limit int64 `json:"limit_bytes"`
	} `json:"buffer"`
	Partitions []struct {
		Topic     string  `json:"topic"`
		Partition int32   `json:"partition"`
		State     string  `json:"state"`
		Error     *string `json:"error"`
		Committed int64   `json:"committed_offset"`
		Next      int64   `json:"next_offset"`
		End       int64   `json:"high_watermark"`
		Lag       int64   `json:"lag_records"`
		PinnedBy  *struct {
			Kind      string    `json:"kind"`
			Reason    string    `json:"reason"`
			Namespace string    `json:"namespace"`
			Offset    int64     `json:"offset"`
			Since     time.Time `json:"since"`
		} `json:"pinned_by"`
	} `json:"partitions"`
	Namespaces []struct {
		Name          string     `json:"name"`
		State         string     `json:"state"`
		LastError     *string    `json:"last_error"`
		NextAttemptAt *time.Time `json:"next_attempt_at"`
	} `json:"namespaces"`
}

// status reads /status; without an answer it is empty.
func (b *bridge) status() (s status) {
	b.w.t.Helper()
	text := b.page("/status", "{")
	if text == "" {
		return status{}
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		b.w.t.Errorf("/status is no JSON: %v: %s", err, text)
	}
	return s
}

// pin is what pins a partition's committed offset, and why.
func (s status) pin(topic string, index int32) string {
	for _, p := range s.Partitions {
		if p.Topic == topic && p.Partition == index && p.PinnedBy != nil {
			return p.PinnedBy.Kind + ": " + p.PinnedBy.Reason
		}
	}
	return ""
}

// partition is the state and the error of a partition of the world's topic.
func (b *bridge) partition(index int32) (state, problem string) {
	for _, p := range b.status().Partitions {
		if p.Topic == b.w.topic && p.Partition == index {
			if p.Error != nil {
				problem = *p.Error
			}
			return p.State, problem
		}
	}
	return "", ""
}
