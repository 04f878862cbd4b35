package consumer

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// resolved is where one assigned partition starts.
type resolved struct {
	TopicPartition
	start     int64
	frontier  ledger.Frontier
	committed int64 // -1 none
	first     bool  // resolved without a committed offset
	heldOut   bool  // out of range, and the policy holds it
	err       error // why it is held
	leader    int32
	epoch     int32
	begin     int64 // log start
	end       int64 // high watermark
	stable    int64 // last stable offset
	reset     string
	gap       int64
}

// identity names a topic in commit metadata: its id, and a part of the
// cluster's, so that a copy of the offset in another cluster shows.
func identity(id wire.UUID, cluster string) string {
	c := strings.Map(func(r rune) rune {
		if r == ';' || r == '.' {
			return '_'
		}
		return r
	}, cluster)
	return base64.RawURLEncoding.EncodeToString(id[:]) + "." + c[:min(8, len(c))]
}

// fingerprintOf tells the settings that decide what becomes of a record: those
// of routing and ids as a hash, and the limits of a line.
func fingerprintOf(s record.Settings) string {
	return fmt.Sprintf("%s.%d.%d", s.Fingerprint(), s.MaxLineBytes, s.MaxFanoutBytes)
}

// sameRouting says whether a record that becomes no line now became none when
// the old fingerprint was written, and every line the same line. Larger limits
// do no harm; below smaller ones a line that is still owed would look like a
// record that was dealt with.
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

// resolveStarts finds out where the assigned partitions start and tells the
// loop, trying again for those whose leader or coordinator is away.
func (s *session) resolveStarts(ctx context.Context) {
	todo := map[TopicPartition]bool{}
	for _, tp := range s.member.assigned {
		todo[tp] = true
	}
	backoff := fetchBackoff
	for len(todo) > 0 {
		found, err := s.resolve(ctx, todo)
		for _, r := range found {
			delete(todo, r.TopicPartition)
		}
		if len(found) > 0 {
			select {
			case s.starts <- found:
			case <-ctx.Done():
				return
			}
			backoff = fetchBackoff
		}
		if len(todo) == 0 {
			return
		}
		if err != nil && ctx.Err() == nil {
			s.metrics.kafkaErrors.WithLabelValues("metadata").Inc()
			s.faults.Log(time.Now(), "start of partitions cannot be resolved yet", "resolve", "partitions", len(todo), "error", s.explain(err))
		}
		if pause(ctx, backoff) != nil {
			return
		}
		backoff = min(2*backoff, maxFetchBackoff)
	}
}

// resolve makes one try for some partitions.
func (s *session) resolve(ctx context.Context, todo map[TopicPartition]bool) ([]resolved, error) {
	md, err := s.client.Metadata(ctx, s.member.topics)
	if err != nil {
		return nil, err
	}
	leaders := map[TopicPartition]wire.PartitionMetadata{}
	for _, t := range md.Topics {
		for _, p := range t.Partitions {
			if p.Leader >= 0 && t.ErrorCode == 0 {
				leaders[TopicPartition{t.Name, p.Partition}] = p
			}
		}
	}
	committed, fresh, err := s.committedOffsets(ctx)
	if err != nil {
		return nil, err
	}
	ranges, err := listRanges(ctx, s.client, s.cfg.ReadCommitted, todo, leaders)
	var out []resolved
	for tp := range todo {
		r, ok := ranges[tp]
		if !ok {
			continue
		}
		res := s.start(tp, committed[tp], r, fresh)
		res.leader, res.epoch = leaders[tp].Leader, leaders[tp].LeaderEpoch
		out = append(out, res)
	}
	if err == nil && len(out) < len(todo) {
		err = errors.New("some partitions have no leader")
	}
	return out, err
}

// committedOffsets reads what the group has committed for all of its topics.
// fresh says that the group is new: nothing is committed but what members of
// this very generation resolved.
func (s *session) committedOffsets(ctx context.Context) (offsets map[TopicPartition]CommittedOffset, fresh bool, err error) {
	topics := map[string][]int32{}
	for name, n := range s.member.parts {
		for i := range n {
			topics[name] = append(topics[name], int32(i))
		}
	}
	for _, tp := range s.member.assigned {
		if !slices.Contains(topics[tp.Topic], tp.Partition) {
			topics[tp.Topic] = append(topics[tp.Topic], tp.Partition)
		}
	}
	offsets, err = s.client.FetchOffsets(ctx, s.cfg.Group, topics)
	if err != nil {
		return nil, false, err
	}
	fresh = true
	for _, o := range offsets {
		if o.Offset < 0 {
			continue
		}
		if m, err := ledger.Decode(o.Metadata); err != nil || m.Born != s.member.generation {
			fresh = false
		}
	}
	return offsets, fresh, nil
}

// offsetRange is what a partition's log holds.
type offsetRange struct {
	begin  int64 // log start
	end    int64 // high watermark
	stable int64 // last stable offset: where a read_committed reader ends now
}

// listRanges asks the leaders for the first and the end offset.
func listRanges(ctx context.Context, c *Client, committed bool, todo map[TopicPartition]bool, leaders map[TopicPartition]wire.PartitionMetadata) (map[TopicPartition]offsetRange, error) {
	byLeader := map[int32][]TopicPartition{}
	for tp := range todo {
		if p, ok := leaders[tp]; ok {
			byLeader[p.Leader] = append(byLeader[p.Leader], tp)
		}
	}
	out := map[TopicPartition]offsetRange{}
	var errs []error
	for leader, tps := range byLeader {
		first, err1 := listOffsets(ctx, c, leader, tps, wire.EarliestOffset, false)
		end, err2 := listOffsets(ctx, c, leader, tps, wire.LatestOffset, false)
		stable, err3 := end, error(nil)
		if committed {
			stable, err3 = listOffsets(ctx, c, leader, tps, wire.LatestOffset, true)
		}
		errs = append(errs, err1, err2, err3)
		for tp, b := range first {
			e, ok := end[tp]
			st, ok2 := stable[tp]
			if ok && ok2 {
				out[tp] = offsetRange{b, max(b, e), max(b, st)}
			}
		}
	}
	return out, errors.Join(errs...)
}

func listOffsets(ctx context.Context, c *Client, leader int32, tps []TopicPartition, timestamp int64, committed bool) (map[TopicPartition]int64, error) {
	slices.SortFunc(tps, compareTP)
	r := &wire.ListOffsetsRequest{ReadCommitted: committed}
	for _, tp := range tps {
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Name != tp.Topic {
			r.Topics = append(r.Topics, wire.ListOffsetsTopic{Name: tp.Topic})
		}
		t := &r.Topics[len(r.Topics)-1]
		t.Partitions = append(t.Partitions, wire.ListOffsetsPartition{Partition: tp.Partition, Timestamp: timestamp})
	}
	res, err := c.ListOffsets(ctx, leader, r)
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	out := map[TopicPartition]int64{}
	for _, o := range res.Partitions {
		if o.ErrorCode != 0 {
			err = cmp.Or(err, fmt.Errorf("list offsets of %s/%d: %w", o.Topic, o.Partition, Code(o.ErrorCode)))
			continue
		}
		out[TopicPartition{o.Topic, o.Partition}] = o.Offset
	}
	return out, err
}

// start decides where a partition starts.
func (s *session) start(tp TopicPartition, c CommittedOffset, r offsetRange, fresh bool) resolved {
	out := resolved{TopicPartition: tp, committed: c.Offset, begin: r.begin, end: r.end, stable: r.stable}
	if c.Offset < 0 {
		out.first, out.start = true, r.begin
		if fresh && s.cfg.OffsetReset == ResetLatest {
			out.start = r.stable
		}
		return out
	}
	id := identity(s.member.ids[tp.Topic], s.member.cluster)
	m, err := ledger.Decode(c.Metadata)
	ours := err == nil && m.Committed == c.Offset
	switch {
	case ours && m.TopicID == id:
		out.frontier = m.Frontier
		if !sameRouting(m.Fingerprint, s.fingerprint) {
			out.frontier = m.Frontier.Rerouted()
			s.log.Info("the settings that decide namespaces and ids have changed since the last commit", "topic", tp.Topic, "partition", tp.Partition)
		}
	case ours && sameCluster(m.TopicID, id):
		return s.recreated(out)
	case err == nil:
		s.log.Info("the committed offset was moved by somebody else; it is taken as it is", "topic", tp.Topic, "partition", tp.Partition, "offset", c.Offset)
	case c.Metadata != "":
		s.log.Warn("commit metadata of an unknown kind is ignored; repeats are possible", "topic", tp.Topic, "partition", tp.Partition)
	}
	out.start = c.Offset
	return s.inRange(out)
}

func sameCluster(a, b string) bool {
	_, ca, _ := strings.Cut(a, ".")
	_, cb, _ := strings.Cut(b, ".")
	return ca == cb
}

// recreated: the topic was deleted and created anew since the commit.
func (s *session) recreated(r resolved) resolved {
	r.start, r.reset, r.gap = r.begin, "recreated", r.committed
	return s.resetOrHold(r, fmt.Errorf("topic was created anew since offset %d was committed", r.committed))
}

// inRange handles a committed offset that the log does not have any more, or
// not yet.
func (s *session) inRange(r resolved) resolved {
	switch {
	case r.start < r.begin:
		r.gap, r.reset = r.begin-r.start, "below_log_start"
		err := fmt.Errorf("committed offset %d lies below the log start %d: %d records were removed before they were read", r.start, r.begin, r.gap)
		r.start = r.begin
		return s.resetOrHold(r, err)
	case r.start > r.end:
		r.gap, r.reset = r.start-r.end, "beyond_end"
		err := fmt.Errorf("committed offset %d lies beyond the end %d", r.start, r.end)
		r.start, r.frontier = r.begin, ledger.Frontier{}
		return s.resetOrHold(r, err)
	}
	return r
}

func (s *session) resetOrHold(r resolved, err error) resolved {
	if s.cfg.OffsetReset == ResetHold {
		r.heldOut, r.err, r.start, r.reset = true, err, r.committed, ""
	}
	return r
}

// resolved begins to read partitions whose start is known.
func (s *session) resolved(rs []resolved) {
	now := time.Now()
	ahead := int64(0)
	for _, r := range rs {
		p := s.partitions[r.TopicPartition]
		if p == nil || p.open() {
			continue
		}
		p.committed = r.committed
		p.ledger = ledger.New(r.start, r.frontier)
		p.caughtUp = now
		if r.reset != "" {
			s.tellReset(r)
			p.touch()
		}
		if r.first {
			p.born = s.member.generation
			p.touch()
		}
		p.cursor = s.fetcher.open(p.TopicPartition, p.topicID, r.start, r.leader, r.epoch, r.heldOut)
		p.cursor.start.Store(r.begin)
		p.cursor.high.Store(r.end)
		p.cursor.stable.Store(r.stable)
		if r.heldOut {
			s.holdOut(p, r.err, now)
		}
		ahead += max(0, r.end-r.start)
	}
	s.log.Info("reading partitions", "partitions", len(rs), "records_ahead", ahead)
}

func (s *session) tellReset(r resolved) {
	s.metrics.offsetResets.WithLabelValues(r.Topic, r.reset).Inc()
	s.log.Error("committed offset is not in the log; reading goes on elsewhere", "topic", r.Topic, "partition", r.Partition,
		"reason", r.reset, "committed_offset", r.committed, "start_offset", r.start, "gap", r.gap)
}

// holdOut keeps a partition from being read until somebody decides.
func (s *session) holdOut(p *partition, err error, now time.Time) {
	p.heldOut, p.failure, p.failing = true, err, now
	s.fetcher.pause(p.cursor, true)
	s.log.Error("partition held", "topic", p.Topic, "partition", p.Partition, "error", err,
		"remedy", "set the group's offset with kafka-consumer-groups --reset-offsets, or BRIDGE_KAFKA_OFFSET_RESET to earliest")
}

// faulted deals with a partition that cannot simply be read on.
func (s *session) faulted(p *partition, f *fault, now time.Time) {
	position := p.ledger.Position()
	switch f.kind {
	case faultOutOfRange, faultTruncated:
		s.outOfRange(p, f, now)
	case faultRelocated:
		s.relocated(p, f, now)
	case faultLost:
		s.lose(p, CodeUnknownTopicID, now)
		s.fetcher.reset(p.cursor, position, now.Add(maxFetchBackoff))
	default:
		p.backoff = min(max(2*p.backoff, time.Second), 30*time.Second)
		if p.failure == nil {
			p.failing = now
		}
		p.failure = f.err
		operation := "fetch"
		if p.corrupt = f.kind == faultCorrupt; p.corrupt {
			operation = "decode"
			s.metrics.kafkaErrors.WithLabelValues(operation).Inc()
		}
		s.fetcher.reset(p.cursor, position, now.Add(p.backoff))
		s.faults.Log(now, "partition cannot be read; the others go on, it is tried again", operation+"/"+p.Topic,
			"topic", p.Topic, "partition", p.Partition, "offset", position, "error", s.explain(f.err), "next_try_in", p.backoff.String())
	}
}

// outOfRange asks the log again and starts over where it may: a position below
// the log start goes on at the log start, one beyond the end is an end of this
// log that nobody knew of, and the new owner of the partition decides.
func (s *session) outOfRange(p *partition, f *fault, now time.Time) {
	s.log.Warn("position is not in the log any more", "topic", p.Topic, "partition", p.Partition, "offset", p.ledger.Position(), "error", f.err)
	s.fetcher.pause(p.cursor, true)
	s.fetcher.reset(p.cursor, p.ledger.Position(), now.Add(maxFetchBackoff))
	p.failure, p.failing = f.err, now
	truncatedAt := int64(-1)
	if f.kind == faultTruncated {
		truncatedAt = f.offset
	}
	s.relocate(p, truncatedAt)
}

// relocate finds the new range in a goroutine, since that asks a broker.
func (s *session) relocate(p *partition, truncatedAt int64) {
	tp, c := p.TopicPartition, p.cursor
	s.fetcher.mu.Lock()
	leader := wire.PartitionMetadata{Leader: c.leader}
	s.fetcher.mu.Unlock()
	s.wg.Go(func() {
		for s.ctx.Err() == nil {
			ranges, err := listRanges(s.ctx, s.client, false, map[TopicPartition]bool{tp: true}, map[TopicPartition]wire.PartitionMetadata{tp: leader})
			if r, ok := ranges[tp]; ok && err == nil {
				k := newChunk(c, c.epoch.Load())
				k.fault = &fault{kind: faultRelocated, offset: truncatedAt, begin: r.begin, end: r.end}
				select {
				case s.chunks <- k:
				case <-s.ctx.Done():
				}
				return
			}
			if pause(s.ctx, maxFetchBackoff) != nil {
				return
			}
		}
	})
}

// relocated goes on at the log start where records were removed; a log that
// ends before the position is another history, in which everything from its
// start (or from where the histories part) is new to us.
func (s *session) relocated(p *partition, f *fault, now time.Time) {
	position := p.ledger.Position()
	r := resolved{TopicPartition: p.TopicPartition, committed: position, start: position, begin: f.begin, end: f.end}
	switch {
	case f.offset >= 0 && f.offset < position:
		r.start, r.gap, r.reset = max(f.offset, f.begin), position-f.offset, "beyond_end"
	case position < f.begin:
		r.start, r.gap, r.reset = f.begin, f.begin-position, "below_log_start"
	case position > f.end:
		r.start, r.gap, r.reset = f.begin, position-f.end, "beyond_end"
	}
	if r.reset == "" { // the log has it after all
		p.failure = nil
		s.fetcher.reset(p.cursor, position, time.Time{})
		s.fetcher.pause(p.cursor, p.paused)
		return
	}
	if s.cfg.OffsetReset == ResetHold {
		s.holdOut(p, fmt.Errorf("offset %d is out of range: the log holds %d to %d", position, f.begin, f.end), now)
		return
	}
	s.tellReset(r)
	p.failure = nil
	if r.start >= position {
		p.ledger.Advance(r.start)
		p.touch()
	} else {
		s.startOver(p, r.start)
	}
	s.fetcher.reset(p.cursor, r.start, time.Time{})
	s.fetcher.pause(p.cursor, p.paused)
}

// startOver gives the partition a new ledger: what is under way for the old
// history no longer counts for this one.
func (s *session) startOver(p *partition, start int64) {
	for _, n := range s.pacer.namespaces {
		delete(n.shed, p)
	}
	p.ledger = ledger.New(start, ledger.Frontier{})
	p.committed = start
	p.touch()
}

// pause waits, or returns the context's error at its end.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lose stops committing a partition whose topic is gone.
func (s *session) lose(p *partition, code Code, now time.Time) {
	if p.lost {
		return
	}
	p.lost, p.failure, p.failing = true, fmt.Errorf("topic is gone or was created anew: %w", code), now
	s.log.Warn("partition lost: its topic was deleted or created anew", "topic", p.Topic, "partition", p.Partition, "error", code)
}
