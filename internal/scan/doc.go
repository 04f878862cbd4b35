// Package scan reads parts of partitions outside of the group, and says what a bridge
// would make of their records. It commits nothing and imports nothing.
//
// bridge verify and bridge check -sample are built on it. A [Reader] asks the leaders
// with package kafka and reads their answers with package wire; a [Judge] maps records
// with packages decode and record, as the decoders of package fetch do, and within the
// bounds of that package. Both are made of a bridge's own configuration, work on the
// calling goroutine, and start none.
package scan
