package wire

import (
	"encoding/binary"
	"math"
)

// Keys of the requests that this package can build.
const (
	KeyFetch           int16 = 1
	KeyListOffsets     int16 = 2
	KeyMetadata        int16 = 3
	KeyFindCoordinator int16 = 10
	KeyJoinGroup       int16 = 11
	KeyHeartbeat       int16 = 12
	KeyLeaveGroup      int16 = 13
	KeySyncGroup       int16 = 14
	KeyListGroups      int16 = 16
	KeyAPIVersions     int16 = 18
)

// A Request can write its body in one of several versions.
type Request interface {
	// API names the call and its versions.
	API() API
	// Append adds the body to dst.
	Append(dst []byte, version int16) []byte
}

// A Response can read the body of an answer to its Request in the version of the call.
// After an error its values mean nothing.
type Response interface {
	Decode(body []byte, version int16) error
}

// API is a call of the protocol, in the versions that a Request can write.
type API struct {
	Key             int16
	Lowest, Highest int16 // both inclusive
	flexible        int16 // the first version that is flexible, or never
}

// never is beyond all versions.
const never = math.MaxInt16

// Flexible reports whether the version uses compact lengths and tagged fields.
func (a API) Flexible(version int16) bool { return version >= a.flexible }

// AppendFrame adds a whole request, size and header included, to dst.
func AppendFrame(dst []byte, r Request, version int16, correlationID int32, clientID string) []byte {
	start, api := len(dst), r.API()
	dst = append(dst, 0, 0, 0, 0)
	dst = appendInt16(dst, api.Key)
	dst = appendInt16(dst, version)
	dst = appendInt32(dst, correlationID)
	dst = appendString(dst, clientID)
	if api.Flexible(version) {
		dst = append(dst, 0) // no tagged fields
	}
	dst = r.Append(dst, version)
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// Body returns the body of an answer, behind the tagged fields of its header.
func Body(r Request, version int16, answer []byte) ([]byte, error) {
	c := cursor{b: answer}
	c.skipTags(r.API().Flexible(version))
	return c.b, c.err("response header", answer)
}

// VersionRange is the versions that a broker offers for one API, both inclusive.
type VersionRange struct{ Lowest, Highest int16 }

// Pick returns the highest version that both the broker and the request know,
// and false if there is none.
func (v VersionRange) Pick(r Request) (int16, bool) {
	api := r.API()
	highest := min(api.Highest, v.Highest)
	return highest, highest >= max(api.Lowest, v.Lowest)
}

// APIVersionsRequest asks a broker which versions of which requests it offers (KIP-35).
// Version 0 is used always:
// every broker answers it, and its answer is never compact.
type APIVersionsRequest struct{}

// API implements Request.
func (*APIVersionsRequest) API() API { return API{KeyAPIVersions, 0, 0, never} }

// Append implements Request.
func (*APIVersionsRequest) Append(dst []byte, _ int16) []byte { return dst }

// APIVersionsResponse is the versions that a broker offers, by API key.
type APIVersionsResponse struct {
	ErrorCode int16
	APIs      map[int16]VersionRange
}

// Decode implements Response.
func (r *APIVersionsResponse) Decode(body []byte, _ int16) error {
	c := cursor{b: body}
	*r = APIVersionsResponse{ErrorCode: c.int16(), APIs: make(map[int16]VersionRange)}
	for n := c.arrayLen(false); n > 0 && !c.bad; n-- {
		key := c.int16()
		r.APIs[key] = VersionRange{Lowest: c.int16(), Highest: c.int16()}
	}
	return c.err("API versions response", body)
}
