package main

import (
	"bytes"
	"runtime/debug"
	"strings"
	"testing"

	"kafka-import-bridge/internal/config"
)

func TestRecordedRevision(t *testing.T) {
	for _, tc := range []struct {
		name     string
		settings []debug.BuildSetting
		want     string
	}{
		{"nothing recorded", nil, ""},
		{"a clean tree", []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}}, "abc"},
		{"a changed tree", []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}, {Key: "vcs.revision", Value: "abc"}}, "abc-dirty"},
		{"a change without a revision", []debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := recordedRevision(tc.settings); got != tc.want {
				t.Errorf("revision %q, want %q", got, tc.want)
			}
		})
	}
}

func TestNewLogger(t *testing.T) {
	environ := []string{"BRIDGE_KAFKA_BROKERS=b:1", "BRIDGE_KAFKA_TOPICS=t", "BRIDGE_KAFKA_GROUP_ID=g", "SAFETYKIT_API_KEY=k", "BRIDGE_LOG_LEVEL=warn"}
	for format, want := range map[string]string{"json": `"msg":"shown"`, "text": "msg=shown"} {
		cfg, err := config.Load(append(environ, "BRIDGE_LOG_FORMAT="+format), 0)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		logger := newLogger(&out, cfg.Log)
		logger.Info("hidden")
		logger.Warn("shown")
		if got := out.String(); !strings.Contains(got, want) || strings.Contains(got, "hidden") {
			t.Errorf("%s: logged %q, want one line with %s", format, got, want)
		}
	}
}
