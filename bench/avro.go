package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
)

// avroSchema is that of the records of the scenario "avro": every kind of field that
// people's records are mostly made of.
const avroSchema = `{"type":"record","name":"Message","fields":[
 {"name":"at","type":"long"},
 {"name":"id","type":"string"},
 {"name":"namespace","type":"string"},
 {"name":"score","type":"double"},
 {"name":"seen","type":"int"},
 {"name":"flagged","type":"boolean"},
 {"name":"kind","type":{"type":"enum","name":"Kind","symbols":["post","comment","message"]}},
 {"name":"author","type":["null",{"type":"record","name":"Author","fields":[{"name":"name","type":"string"},{"name":"followers","type":"long"}]}]},
 {"name":"tags","type":{"type":"array","items":"string"}},
 {"name":"text","type":"string"}]}`

// schemaID is the schema's number in the registry.
const schemaID = 7

// schema is the registry's answer.
func schema(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	_ = json.NewEncoder(w).Encode(map[string]string{"schema": avroSchema}) // who went away needs no answer
}

// avroSource makes records in Confluent's wire format, and the lines that they become.
type avroSource struct {
	*generator
	words     []string
	tails     []avroTail
	buf, json []byte
}

// avroTail is what follows the namespace in a record.
type avroTail struct{ binary, json []byte }

func newAvroSource(s shape) *avroSource {
	a := &avroSource{generator: newGenerator(s)}
	a.words = a.vocabulary()
	for range len(a.texts) {
		a.tails = append(a.tails, a.tail(s.record-headBytes))
	}
	return a
}

// tail makes the fields behind the namespace; size is the mean length of their JSON.
func (a *avroSource) tail(size int) avroTail {
	size += int(float64(size) * 0.5 * (a.rng.Float64() - 0.5))
	b := binary.LittleEndian.AppendUint64(nil, 0)[:0]
	score, seen, kind := float64(1+a.rng.IntN(9999))/1e4, int64(a.rng.IntN(1e6)), int64(a.rng.IntN(3))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(score))
	b = binary.AppendVarint(b, seen)
	b = append(b, 1) // true
	b = binary.AppendVarint(b, kind)
	j := append([]byte(`"score":`), strconv.FormatFloat(score, 'f', -1, 64)...)
	j = fmt.Appendf(j, `,"seen":%d,"flagged":true,"kind":%q`, seen, []string{"post", "comment", "message"}[kind])
	if seen%2 == 0 {
		name, followers := a.words[a.rng.IntN(len(a.words))], int64(a.rng.IntN(1e9))
		b = appendString(binary.AppendVarint(b, 1), name)
		b = binary.AppendVarint(b, followers)
		j = fmt.Appendf(j, `,"author":{"name":%q,"followers":%d}`, name, followers)
	} else {
		b = binary.AppendVarint(b, 0)
		j = append(j, `,"author":null`...)
	}
	tags := a.words[:2+a.rng.IntN(3)]
	b = binary.AppendVarint(b, int64(len(tags)))
	for _, tag := range tags {
		b = appendString(b, tag)
	}
	b = append(b, 0) // the array ends
	list, _ := json.Marshal(tags)
	j = append(append(j, `,"tags":`...), list...)
	var text []byte
	for len(j)+len(text) < size-10 {
		text = append(append(text, a.words[a.rng.IntN(len(a.words))]...), ' ')
	}
	b = appendString(b, string(text))
	j = fmt.Appendf(j, `,"text":"%s"}`, text)
	return avroTail{b, j}
}

// appendString appends a string as Avro writes it.
func appendString(dst []byte, text string) []byte {
	return append(binary.AppendVarint(dst, int64(len(text))), text...)
}

// next implements source.
func (a *avroSource) next(n int, at int64) (record []byte, namespace string) {
	namespace = a.names[a.pick()]
	tail := &a.tails[a.rng.IntN(len(a.tails))]
	id := appendPadded(nil, int64(n), 12)
	a.buf = binary.BigEndian.AppendUint32(append(a.buf[:0], 0), schemaID)
	a.buf = binary.AppendVarint(a.buf, at)
	a.buf = appendString(a.buf, string(id))
	a.buf = appendString(a.buf, namespace)
	a.buf = append(a.buf, tail.binary...)
	a.json = appendTime(a.json[:0], at)
	a.json = append(append(append(a.json, `,"id":"`...), id...), `","namespace":"`...)
	a.json = append(append(append(a.json, namespace...), `",`...), tail.json...)
	return a.buf, namespace
}

// line implements liner.
func (a *avroSource) line() []byte { return a.json }
