package verify

import (
	"cmp"
	"slices"
	"sort"
)

// cover is a part of a receipt, or a dead letter.
type cover struct {
	partition   uint32 // its number among those that are verified
	records     uint32 // lines of a receipt's piece; 0 for a dead letter
	first, last int64  // offsets; equal for a dead letter
	namespace   uint64 // its hash; wholeRecord for a dead letter that names none
	// id is the hash of a receipt's key, so that one that was written again
	// counts once; 0 for a dead letter, so that one that was produced again does.
	id uint64
}

// wholeRecord stands for every namespace of a record.
const wholeRecord = 0

func (c *cover) isLetter() bool { return c.records == 0 }

// at is a place in the order in which the source is read.
type at struct {
	partition uint32
	offset    int64
}

func (a at) before(b at) bool {
	return a.partition < b.partition || a.partition == b.partition && a.offset < b.offset
}

func (c *cover) at() at { return at{c.partition, c.first} }

func compareCovers(a, b cover) int {
	return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last),
		cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.id, b.id), cmp.Compare(a.records, b.records))
}

// end is behind every place.
var end = at{partition: ^uint32(0)}

// covers keeps those of the covers it is given that begin first, as many as fit,
// each once.
type covers struct {
	limit int
	list  []cover
	from  at // covers that begin before are of earlier passes
	cut   at // covers that begin here or later are of later passes
}

func newCovers(limit int) *covers {
	return &covers{limit: limit, cut: end}
}

// begin forgets all covers and takes those that begin at from or later.
func (c *covers) begin(from at) { c.list, c.from, c.cut = c.list[:0], from, end }

// add takes a cover if it is of this pass.
func (c *covers) add(v cover) {
	if v.at().before(c.from) || !v.at().before(c.cut) {
		return
	}
	if len(c.list) >= c.limit {
		c.sort()
		if len(c.list) > c.limit*3/4 {
			c.shrink()
		}
		if !v.at().before(c.cut) {
			return
		}
	}
	if len(c.list) == cap(c.list) && len(c.list) > c.limit/4 {
		c.list = slices.Grow(c.list, max(0, c.limit-len(c.list))) // no more: append would
	}
	c.list = append(c.list, v)
}

// shrink drops the last quarter, but never a part of what begins at one place.
func (c *covers) shrink() {
	cut := c.list[len(c.list)*3/4].at()
	if cut == c.list[0].at() {
		i := sort.Search(len(c.list), func(i int) bool { return cut.before(c.list[i].at()) })
		if i == len(c.list) {
			return // all begin at one place: they have to be kept
		}
		cut = c.list[i].at()
	}
	c.cut = cut
	c.list = c.list[:sort.Search(len(c.list), func(i int) bool { return !c.list[i].at().before(cut) })]
}

func (c *covers) sort() {
	slices.SortFunc(c.list, compareCovers)
	c.list = slices.Compact(c.list)
}

// of returns the sorted covers of a partition. The pass must have been ended by
// sort.
func (c *covers) of(partition uint32) []cover {
	from := sort.Search(len(c.list), func(i int) bool { return c.list[i].partition >= partition })
	to := sort.Search(len(c.list), func(i int) bool { return c.list[i].partition > partition })
	return c.list[from:to]
}
