// Package http1 makes HTTP/1.1 requests (RFC 9112) whose bodies are blocks of memory
// that the caller lends for the time of the request.
//
// # What it owns
//
// Connections, kept between requests, through a proxy where there is one, and the
// bytes on them. The goroutine that calls [Client.Do] writes the request and reads the
// answer, so that a small request costs one write and one read. What an answer means,
// when to try again, and how many requests may run at once is the caller's to decide.
//
// # What it promises
//
//   - When Do returns, nothing reads the request's blocks any more.
//   - The caller is asked before each piece of a body is written, and ends the
//     request by its error: no whole body leaves this process then.
//   - Do says how far a request got, whatever the answer.
//   - An answer that comes while a body is still being written is not lost with the
//     connection.
//   - A request is made again on another connection only if nothing of it was written,
//     or if it says that it may be repeated, and only where a kept connection turned
//     out dead.
//   - A connection that is idle holds no memory of a request, and there are no more of
//     them than Config.MaxIdle, however many servers there are.
//   - It follows no redirect, keeps no cookie and inflates nothing.
//
// # Why not net/http
//
// Its transport reads a body from goroutines of its own, which may go on after it has
// returned, and copies it on the way. Two goroutines for each connection cost a third
// of the CPU time of a small import. docs/adr/0016 has the figures.
//
// Only importer imports this package.
package http1
