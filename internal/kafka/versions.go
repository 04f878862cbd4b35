package kafka

import (
	"fmt"
	"net"

	"kafka-import-bridge/internal/wire"
)

// pickVersion chooses the highest version that both sides know; it asks the
// broker for what it offers when that is not known yet, and refuses one that does
// not offer what the bridge needs.
func (e *exchange) pickVersion(conn net.Conn, address string) (int16, error) {
	known, ok := e.client.versions.Load(address)
	offered, _ := known.(map[int16]wire.VersionRange)
	if !ok {
		var err error
		if offered, err = e.askVersions(conn); err != nil {
			return 0, fmt.Errorf("ask for API versions: %w", err)
		}
		if err := judgeVersions(address, offered); err != nil {
			return 0, err
		}
		e.client.versions.Store(address, offered)
	}
	version, ok := offered[e.request.API().Key].Pick(e.request)
	if !ok {
		return 0, fmt.Errorf("the broker offers %s up to version %d: %w",
			e.ApiKey(), offered[e.request.API().Key].Highest, CodeUnsupportedVersion)
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
