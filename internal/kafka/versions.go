package kafka

import (
	"fmt"
	"net"
	"strings"

	"github.com/segmentio/kafka-go/protocol"

	"kafka-import-bridge/internal/wire"
)

// pickVersion chooses the highest version that both sides know. On a new connection it
// asks the broker for what it offers, and refuses one that does not offer what the bridge
// needs.
func (e *exchange) pickVersion(conn net.Conn) (int16, error) {
	at := conn.RemoteAddr().(remote)
	if at.conn.offered == nil {
		offered, err := e.askVersions(conn)
		if err != nil {
			return 0, fmt.Errorf("ask for API versions: %w", err)
		}
		if err := judgeVersions(at.String(), offered); err != nil {
			return 0, err
		}
		at.conn.offered = offered
	}
	offered := at.conn.offered[e.request.API().Key]
	version, ok := offered.Pick(e.request)
	if !ok {
		return 0, fmt.Errorf("the broker offers %s up to version %d: %w", e.ApiKey(), offered.Highest, CodeUnsupportedVersion)
	}
	return version, nil
}

func (e *exchange) askVersions(conn net.Conn) (map[int16]wire.VersionRange, error) {
	n, err := e.ask(conn, &wire.APIVersionsRequest{}, 0, e.client.config.CallTimeout)
	if err != nil {
		return nil, err
	}
	body, err := ownMemory(n)
	if err != nil {
		return nil, err
	}
	if err := e.read(conn, body); err != nil {
		return nil, err
	}
	var answer wire.APIVersionsResponse
	if err := answer.Decode(body, 0); err != nil {
		return nil, err
	}
	return answer.APIs, Code(answer.ErrorCode).Err()
}

// OldestRelease is the oldest release of Kafka that the bridge works with. Its group
// calls are the first ones in which a static member can leave (KIP-345).
const OldestRelease = "2.4"

// OldBrokerError says that a broker does not offer what the bridge needs of Kafka's
// protocol. It is a CodeUnsupportedVersion.
type OldBrokerError struct {
	Address string
	Missing []string // requests, each with the version that is needed and the highest that is offered
}

func (e *OldBrokerError) Error() string {
	return fmt.Sprintf("the broker at %s is older than Kafka %s: it lacks %s", e.Address, OldestRelease, strings.Join(e.Missing, ", "))
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
	return &OldBrokerError{Address: address, Missing: missing}
}

func highest(offered map[int16]wire.VersionRange, key int16) string {
	if v, ok := offered[key]; ok {
		return fmt.Sprint(v.Highest)
	}
	return "none"
}
