package e2e

import (
	"encoding/json"
	"time"
)

// status is what a test looks at in /status.
type status struct {
	State      string `json:"state"`
	Partitions []struct {
		Topic     string  `json:"topic"`
		Partition int32   `json:"partition"`
		State     string  `json:"state"`
		Error     *string `json:"error"`
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
	code, text := b.get("/status")
	if code != 200 {
		return status{}
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		b.w.t.Errorf("/status is no JSON: %v: %s", err, text)
	}
	return s
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
