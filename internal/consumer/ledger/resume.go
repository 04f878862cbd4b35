package ledger

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// Log is what a partition's log holds: its first offset, its high watermark, its last
// stable offset, and the first record that is not older than the time of an
// OffsetReset, -1 if there is none.
type Log struct{ Begin, End, Stable, Since int64 }

// Committed is a group's commit for a partition. Offset is the next record to read, -1
// if there is none, LeaderEpoch -1 if it is unknown.
type Committed struct {
	Offset      int64
	LeaderEpoch int32
	Metadata    string
}

// CommitPoint is a commit, to compare it with others: the offset, and what was
// written beside it.
type CommitPoint struct {
	Offset   int64
	Metadata string
}

// Reader describes the process that resumes a partition.
type Reader struct {
	Identity    string // of the topic, see Identity
	Fingerprint string // of the settings that decide what becomes of a record
	Reset       OffsetReset
	Fresh       bool // the group is new: nobody has committed anything yet
}

// Start is the place where a partition starts.
type Start struct {
	Offset   int64
	Frontier Frontier
	Epoch    int32  // leader epoch of what was read before Offset, -1 unknown
	First    bool   // nothing is committed
	Reset    string // why reading starts elsewhere: recreated, below_log_start, beyond_end; "" if it does not
	Gap      int64  // how many offsets lie between that were not done
	Behind   int    // how many namespaces may have lost lines beside these
	Problem  error  // what is wrong with the committed offset, or nil
	Held     bool   // Problem keeps the partition from being read, as the policy says
	Remark   Remark
}

// Remark says something that is odd about a commit's metadata.
type Remark uint8

// The remarks.
const (
	NoRemark       Remark = iota
	Rerouted              // the settings that decide namespaces and ids have changed since
	MovedByOthers         // somebody else has moved the offset
	UnknownWriting        // the metadata is of an unknown kind: repeats are possible
)

// Resume decides where a partition starts.
func Resume(c Committed, log Log, r Reader) Start {
	out := Start{Offset: c.Offset, Epoch: -1}
	if c.Offset < 0 {
		out.First, out.Offset = true, r.firstStart(log)
		return out
	}
	m, err := Decode(c.Metadata)
	ours := err == nil && m.Committed == c.Offset
	switch {
	case ours && sameTopic(m.TopicID, r.Identity):
		out.Frontier, out.Epoch = m.Frontier, c.LeaderEpoch
		if !sameRouting(m.Fingerprint, r.Fingerprint) {
			out.Frontier, out.Remark = m.Frontier.Rerouted(), Rerouted
		}
	case ours && sameCluster(m.TopicID, r.Identity):
		// The topic was deleted and created again since the commit.
		return out.resetTo(log.Begin, "recreated", c.Offset, fmt.Errorf("topic was created anew since offset %d was committed", c.Offset), r)
	case err == nil:
		out.Remark = MovedByOthers
	case c.Metadata != "":
		out.Remark = UnknownWriting
	}
	return out.inRange(log, r)
}

// firstStart returns the start of a partition without a commit. Only a new group may
// leave records out.
func (r *Reader) firstStart(log Log) int64 {
	switch {
	case !r.Fresh || !r.Reset.Skips():
		return log.Begin
	case r.Reset.policy == toTime && log.Since >= 0:
		return max(log.Begin, log.Since)
	}
	return log.Stable
}

// inRange handles a committed offset that the log does not have any more, or not
// yet.
func (s Start) inRange(log Log, r Reader) Start {
	switch at := s.Offset; {
	case at < log.Begin:
		return s.belowLogStart(log, r)
	case at > log.End && s.Epoch >= 0:
		return s // the leader knows where the histories part, and says so at the first fetch
	case at > log.End:
		s.Frontier = Frontier{}
		return s.resetTo(log.Begin, "beyond_end", at-log.End, fmt.Errorf("committed offset %d lies beyond the end %d", at, log.End), r)
	}
	return s
}

// belowLogStart returns the start of a partition whose committed offset was removed:
// the log start. Where only records were removed that had been read before, there is
// nothing to hold the partition for.
func (s Start) belowLogStart(log Log, r Reader) Start {
	at := s.Offset
	if s.Gap, s.Behind = s.Frontier.Lost(at, log.Begin); s.Frontier.Below >= log.Begin {
		r.Reset = ResetEarliest
	}
	if s.Gap == 0 && s.Behind == 0 {
		s.Offset = log.Begin
		return s
	}
	return s.resetTo(log.Begin, "below_log_start", s.Gap,
		fmt.Errorf("committed offset %d lies below the log start %d: %d records were removed before they were imported", at, log.Begin, s.Gap), r)
}

// resetTo starts elsewhere, or holds the partition where it is.
func (s Start) resetTo(offset int64, why string, gap int64, problem error, r Reader) Start {
	s.Gap, s.Problem = gap, problem
	if r.Reset == ResetHold {
		s.Held = true
		return s
	}
	s.Offset, s.Reset = offset, why
	if s.Frontier.Below <= offset {
		s.Epoch = -1 // it was of another place in the log
	}
	return s
}

// Identity names a topic in commit metadata: by its id, and a part of the
// cluster's, so that a copy of the offset in another cluster shows.
func Identity(id [16]byte, cluster string) string {
	c := strings.Map(func(r rune) rune {
		if r == ';' || r == '.' {
			return '_'
		}
		return r
	}, cluster)
	return base64.RawURLEncoding.EncodeToString(id[:]) + "." + c[:min(8, len(c))]
}

// sameTopic reports whether two identities can be those of one topic. Ids that are not
// both known do not tell topics apart: brokers that are upgraded begin to name them
// (KIP-516).
func sameTopic(a, b string) bool {
	ia, _, _ := strings.Cut(a, ".")
	ib, _, _ := strings.Cut(b, ".")
	return sameCluster(a, b) && (ia == ib || ia == unknownID || ib == unknownID)
}

// unknownID is what an identity has in place of a topic's id that is not known.
var unknownID = base64.RawURLEncoding.EncodeToString(make([]byte, 16))

func sameCluster(a, b string) bool {
	_, ca, _ := strings.Cut(a, ".")
	_, cb, _ := strings.Cut(b, ".")
	return ca == cb
}

// sameRouting reports whether the settings of the old fingerprint gave every record
// the same fate as those of the new one. A fingerprint is a hash of routing and ids,
// and two limits of a line's size. Larger limits do no harm; below smaller ones a
// line that is still owed would look like a record that was dealt with.
func sameRouting(old, now string) bool {
	o, n := strings.Split(old, "."), strings.Split(now, ".")
	if len(o) != 3 || len(n) != 3 || o[0] != n[0] {
		return false
	}
	for i := 1; i < 3; i++ {
		before, err1 := strconv.ParseInt(o[i], 10, 64)
		after, err2 := strconv.ParseInt(n[i], 10, 64)
		if err1 != nil || err2 != nil || after < before {
			return false
		}
	}
	return true
}
