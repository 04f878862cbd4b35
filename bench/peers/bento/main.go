// Command bento is the peer Bento (warpstreamlabs/bento), built from its Go
// module with only the components that the benchmark's pipeline uses. It is a
// module of its own, so that nothing of it enters the bridge's dependencies.
package main

import (
	"context"

	"github.com/warpstreamlabs/bento/public/service"

	_ "github.com/warpstreamlabs/bento/public/components/io"
	_ "github.com/warpstreamlabs/bento/public/components/kafka"
	_ "github.com/warpstreamlabs/bento/public/components/pure"
)

func main() { service.RunCLI(context.Background()) }
