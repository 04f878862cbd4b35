// Package wire turns the bytes of the Kafka protocol into values and back: the
// few requests that the consumer sends itself (fetch, metadata, list offsets,
// API versions, those of a group's members), record batches, and the message sets of
// older formats, which pass for batches.
//
// It owns the byte layouts and the checks on them: checksums, bounds, order, and
// what a compressed batch may inflate to. It has no goroutine, no clock and no
// connection, and it imports no Kafka client, only decompressors. Broker bytes
// are not trusted: no function panics on them, and none allocates by a length
// that it has not compared with the bytes at hand or with a limit.
//
// # From a fetch response to records
//
//	var resp wire.FetchResponse
//	err := resp.Decode(body, version)
//	for each resp.Partitions:
//		filter.Reset(p.Aborted)           // read_committed only
//		batches.Reset(p.Records, p.HighWatermark)
//		for batches.Next(&batch) == nil:  // io.EOF at the end
//			if filter.Skip(&batch)        // aborted data and markers
//				continue                  // the position still moves to batch.NextOffset()
//			data, err := inflater.Inflate(buf, &batch)
//			records.Reset(&batch, data)
//			for records.Next(&record) {}  // skip those below the fetch offset
//			err = records.Err()
//
// # Ownership
//
// Decoded byte slices alias the bytes that were decoded, batches alias the
// response and records alias the inflated data: they live as long as those
// bytes. Strings are copies.
//
// # Concurrency
//
// No value here is safe for concurrent use; each fetcher has its own.
package wire
