package sim

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/wire"
)

// letter is a dead letter that is written: of a record, or of its line for a namespace.
type letter struct {
	topic     string
	partition int32
	offset    int64
	namespace string
}

// bad says whether the dead-letter topic refuses it while it refuses single ones.
func (l letter) bad() bool { return l.offset%3 == 0 }

// seeProduce notes the dead letters that reach the broker, or refuses those with a bad
// one among them.
func (w *world) seeProduce(req kmsg.Request) (kmsg.Response, error, bool) {
	r := req.(*kmsg.ProduceRequest)
	if w.lettersRefused.Load() > 0 {
		return nil, nil, false
	}
	all, err := w.letters(r)
	if err != nil {
		w.truth.blame("dead letters cannot be read: %v", err)
	}
	for _, l := range all {
		if w.badLetters.Load() > 0 && l.bad() {
			w.truth.refuse(l, len(all) == 1)
			w.cluster.KeepControl()
			return tooLarge(r), nil, true
		}
	}
	for _, l := range all {
		w.truth.letter(l.topic, l.partition, l.offset, l.namespace)
	}
	return nil, nil, false
}

// refuse notes that a letter is refused, for good if it was written alone.
func (t *truth) refuse(l letter, alone bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if log := t.logs[place{l.topic, t.current[l.topic], l.partition}]; alone && l.offset < int64(len(log)) {
		log[l.offset].refused = true
	}
}

// tooLarge answers that a record is larger than its topic takes.
func tooLarge(r *kmsg.ProduceRequest) kmsg.Response {
	res := r.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, kerr.MessageTooLarge.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res
}

// letters lists the dead letters of a request.
func (w *world) letters(r *kmsg.ProduceRequest) (all []letter, err error) {
	for _, t := range r.Topics {
		if t.Topic != dlqTopic && (t.Topic != "" || w.cluster.TopicIDInfo(t.TopicID) == nil || w.cluster.TopicIDInfo(t.TopicID).Topic != dlqTopic) {
			continue
		}
		for _, p := range t.Partitions {
			if all, err = appendLetters(all, p.Records); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

func appendLetters(all []letter, data []byte) ([]letter, error) {
	var batches wire.Batches
	var batch wire.Batch
	var records wire.Records
	var rec wire.Record
	var inflater wire.Inflater
	batches.Reset(data, 1<<40)
	for batches.Next(&batch) == nil {
		plain, err := inflater.Inflate(make([]byte, 0, batch.InflatedBound()), &batch)
		if err != nil {
			return all, err
		}
		for records.Reset(&batch, plain); records.Next(&rec); {
			var l letter
			for name, value := range rec.Headers() {
				switch string(name) {
				case "bridge.source.topic":
					l.topic = string(value)
				case "bridge.source.partition":
					_, err = fmt.Sscan(string(value), &l.partition)
				case "bridge.source.offset":
					_, err = fmt.Sscan(string(value), &l.offset)
				case "bridge.namespace":
					l.namespace = string(value)
				}
				if err != nil {
					return all, err
				}
			}
			all = append(all, l)
		}
		if err := records.Err(); err != nil {
			return all, err
		}
	}
	return all, nil
}
