// Command bench measures the bridge as its users run it: the built binary reads
// from a real Kafka and PUTs to an import API and store in this process.
//
//	make bench          the bridge alone
//	make bench-peers    the bridge and its peers, interleaved, into bench/RESULTS.md
//
// # What is measured
//
// For each codec one topic is filled once; each run reads all of it in a consumer
// group of its own. The store counts the lines and bytes of each namespace and a
// run whose counts differ from what was produced fails, so that nobody is fast by
// losing or repeating something.
//
//   - MB/s: bytes stored per second between the first twentieth and the last
//     quarter of them, so that joining the group before and waiting for the age
//     bound after it do not count; 10^6 bytes, newlines included
//   - seconds: from the start of the process to the last line, which do count there
//   - CPU s/GB: user and system time of the process, of all its life until the
//     last line, per 10^9 bytes. It hardly depends on who else uses the machine
//   - peak RSS: the kernel's high-water mark (VmHWM)
//
// Broker, store and subject share the machine, so compare subjects of one run of
// this program only.
//
// # Without a real Kafka
//
// Where java or mvn is missing an in-process Kafka (kfake) takes its place, with a
// note: its CPU time is then part of this process, and its figures are no claim.
package main
