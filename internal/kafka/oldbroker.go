package kafka

import (
	"fmt"
	"strings"

	"github.com/segmentio/kafka-go/protocol"

	"kafka-import-bridge/internal/wire"
)

// OldestRelease is the oldest release of Kafka that the bridge works with. Its group
// calls are the first ones in which a static member can leave (KIP-345).
const OldestRelease = "2.4"

// OldBrokerError says that a broker does not offer what the bridge needs of Kafka's
// protocol. It is a CodeUnsupportedVersion.
type OldBrokerError struct {
	Address string
	Release string   // of Kafka, that offers as much
	Missing []string // requests, each with the version that is needed and the highest that is offered
}

func (e *OldBrokerError) Error() string {
	return fmt.Sprintf("the broker at %s is older than Kafka %s: it speaks the protocol of Kafka %s and lacks %s",
		e.Address, OldestRelease, e.Release, strings.Join(e.Missing, ", "))
}

// Unwrap implements the interface of package errors.
func (e *OldBrokerError) Unwrap() error { return CodeUnsupportedVersion }

// NotBrokerError says that what answers is of Kafka, and no broker: a controller of a
// cluster in KRaft mode. It is a CodeUnsupportedVersion.
type NotBrokerError struct{ Address string }

func (e *NotBrokerError) Error() string {
	return fmt.Sprintf("what listens at %s is a controller of the cluster, not a broker: it describes no topics", e.Address)
}

// Unwrap implements the interface of package errors.
func (e *NotBrokerError) Unwrap() error { return CodeUnsupportedVersion }

// needed are the requests without which there is nothing that the bridge can do.
// Others, as for a group's kind, it does without where they are not offered.
func needed() []wire.Request {
	return []wire.Request{
		&wire.FetchRequest{}, &wire.ListOffsetsRequest{}, &wire.MetadataRequest{}, &wire.FindCoordinatorRequest{},
		&wire.JoinGroupRequest{}, &wire.HeartbeatRequest{}, &wire.LeaveGroupRequest{}, &wire.SyncGroupRequest{},
	}
}

// judgeVersions returns an error unless a broker offers what is needed.
func judgeVersions(address string, offered map[int16]wire.VersionRange) error {
	if _, ok := offered[wire.KeyMetadata]; !ok {
		return &NotBrokerError{address}
	}
	var missing []string
	for _, r := range needed() {
		api := r.API()
		if _, ok := offered[api.Key].Pick(r); !ok {
			missing = append(missing, fmt.Sprintf("%s version %d (it has %s)", protocol.ApiKey(api.Key), api.Lowest, highest(offered, api.Key)))
		}
	}
	if missing == nil {
		return nil
	}
	return &OldBrokerError{Address: address, Release: releaseOf(offered), Missing: missing}
}

func highest(offered map[int16]wire.VersionRange, key int16) string {
	if v, ok := offered[key]; ok {
		return fmt.Sprint(v.Highest)
	}
	return "none"
}

// releaseOf returns the release of Kafka whose fetches are of the highest version
// that is offered, which tells most of them apart. ApiVersions names no release.
// https://cwiki.apache.org/confluence/display/KAFKA/KIP-35
func releaseOf(offered map[int16]wire.VersionRange) string {
	switch fetch := offered[wire.KeyFetch].Highest; {
	case fetch < 3:
		return "0.10.0 or older"
	case fetch == 3:
		return "0.10.1 or 0.10.2"
	case fetch < 6:
		return "0.11"
	case fetch == 6:
		return "1.0"
	case fetch == 7:
		return "1.1"
	case fetch == 8:
		return "2.0"
	case fetch < 11:
		return "2.1 or 2.2"
	case offered[wire.KeyJoinGroup].Highest < 6: // which 2.4 has
		return "2.3"
	}
	return OldestRelease + " in part"
}
