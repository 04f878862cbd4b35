// Package verify accounts for every record below the committed offsets: it sets
// the receipts and the dead letters against the records themselves. Of a single
// record it says what became of it.
//
// # What it counts
//
// A record is owed once to each namespace that it is routed to, or once as a
// whole if it becomes no line. Each such delivery is covered by a receipt,
// dead-lettered, left out by a policy, or missing; one that is covered by more
// than one receipt, or dead-lettered beside, is covered twice. Receipts name
// ranges and numbers of lines, not offsets, so that where ranges of a namespace
// overlap the numbers decide: as many lines as the receipts of the overlap hold
// together are covered, and what exceeds the lines is covered twice.
//
// # How it keeps its memory bounded
//
// Source partitions are read once each, one after the other, from the first
// offset to the last. What covers their records comes in the order in which it
// was stored, which is another one, and may be more than fits. So it is taken in
// passes: [covers] keeps what lies first in the order of partitions and offsets,
// as much as fits; the source is read as far as that reaches; and the receipts
// are read again for what follows. Only what is open at one offset is kept from
// pass to pass.
//
// # Who calls it
//
// cmd/bridge makes an [Audit] for `bridge verify` and `bridge record`, which works on
// the calling goroutine and starts none. It asks the cluster what there is to read
// (plan.go), and package scan reads it; the rest is pure.
package verify
