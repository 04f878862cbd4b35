package wire

import "testing"

func TestAbortedFilter_interleavedProducers(t *testing.T) {
	var raw []byte
	write := func(e encoding) { raw = append(raw, e.bytes(t)...) }
	data := func(base, producer int64, transactional bool) encoding {
		return encoding{base: base, producer: producer, transactional: transactional, records: three()[:1]}
	}
	write(data(0, 1, true))
	write(data(1, 2, true))
	write(data(2, 1, false)) // the same producer, outside of any transaction
	write(abortMarker(3, 1))
	write(data(4, 1, true)) // its next transaction is committed
	write(data(5, 2, true))
	write(abortMarker(6, 2))
	write(commitMarker(7, 1))
	write(data(8, 2, true)) // aborted later
	aborted := []AbortedTransaction{{ProducerID: 2, FirstOffset: 8}, {ProducerID: 2, FirstOffset: 1}, {ProducerID: 1, FirstOffset: 0}}
	got, position, _ := new(reader).deliver(raw, aborted, 0, true)
	var offsets []int64
	for _, d := range got {
		offsets = append(offsets, d.offset)
	}
	if len(offsets) != 2 || offsets[0] != 2 || offsets[1] != 4 || position != 9 {
		t.Errorf("delivered %v up to %d, want 2 and 4 up to 9", offsets, position)
	}
}

func TestAbortedFilter_forgetsTheResponseBefore(t *testing.T) {
	var f AbortedFilter
	b := &Batch{ProducerID: 1, Transactional: true}
	f.Reset([]AbortedTransaction{{ProducerID: 1}})
	if !f.Skip(b) {
		t.Fatal("aborted data passed")
	}
	if f.Reset(nil); f.Skip(b) {
		t.Error("committed data was dropped")
	}
}

// A control batch holds no data, whatever it says and whoever wrote it.
func TestAbortedFilter_skipsControlBatches(t *testing.T) {
	var f AbortedFilter
	f.Reset([]AbortedTransaction{{ProducerID: 1}})
	for _, aborts := range []bool{false, true} {
		for _, producer := range []int64{1, 2} {
			if !f.Skip(&Batch{ProducerID: producer, Transactional: true, Control: true, Aborts: aborts}) {
				t.Errorf("the marker of producer %d passed as data, aborting: %t", producer, aborts)
			}
		}
	}
}
