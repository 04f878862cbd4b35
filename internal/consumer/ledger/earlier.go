package ledger

// What earlier owners of the partition have finished, as their last commit says.

// Done reports whether an earlier owner has already finished the line of
// namespace at offset.
func (p *Partition) Done(namespace string, offset int64) bool {
	return offset < p.inherited.Below && !p.inherited.owes(namespace, offset)
}

// Inheriting reports whether the position is still below what earlier owners have
// looked at.
func (p *Partition) Inheriting() bool { return p.position < p.inherited.Below }

// RecordDone reports whether an earlier owner has already finished the record at
// offset as a whole, as it does for records that become no line (skipped or
// dead-lettered). A record it held is not done.
func (p *Partition) RecordDone(offset int64) bool {
	return offset < p.inherited.Below && !p.inherited.holds(offset)
}

// RangeDone reports whether an earlier owner has already finished everything from
// first to last.
func (p *Partition) RangeDone(first, last int64) bool {
	for _, from := range p.inherited.Except {
		if from <= last {
			return false
		}
	}
	i, ok := find(p.inherited.Whole, first)
	return last < p.inherited.Below && !ok && (i == len(p.inherited.Whole) || p.inherited.Whole[i].First > last)
}

// Released reports whether an earlier owner left this single record unfinished:
// its lines belong in nodes of their own, tracked with TrackSingle. Those of a
// range that it left belong in its namespaces' ordinary nodes.
func (p *Partition) Released(offset int64) bool {
	if offset >= p.inherited.Below { // as nearly all are: each line is asked about
		return false
	}
	i, ok := find(p.inherited.Whole, offset)
	return ok && p.inherited.Whole[i].First == p.inherited.Whole[i].Last
}
