package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Set by the release build with -ldflags "-X main.version=… -X main.revision=…".
var version, revision string

// build names the version and the source of this binary.
type build struct {
	Version  string // a release, or "devel"
	Revision string // of the source; ends in "-dirty" if that was changed
}

// currentBuild takes what the linker was told, and else what the toolchain
// recorded.
func currentBuild() build {
	b := build{Version: version, Revision: revision}
	if info, ok := debug.ReadBuildInfo(); ok {
		module := info.Main.Version
		if module == "(devel)" {
			module = ""
		}
		b.Version = cmp.Or(b.Version, module)
		b.Revision = cmp.Or(b.Revision, recordedRevision(info.Settings))
	}
	b.Version = cmp.Or(b.Version, "devel")
	b.Revision = cmp.Or(b.Revision, "unknown")
	return b
}

// recordedRevision returns the revision among what the toolchain recorded, "" for none.
func recordedRevision(settings []debug.BuildSetting) string {
	values := make(map[string]string)
	for _, s := range settings {
		values[s.Key] = s.Value
	}
	if values["vcs.revision"] != "" && values["vcs.modified"] == "true" {
		return values["vcs.revision"] + "-dirty"
	}
	return values["vcs.revision"]
}

// versionCommand prepares `bridge version`, which prints the build.
func versionCommand(*flag.FlagSet) action {
	return func(_ context.Context, inv invocation) error {
		b := currentBuild()
		_, err := fmt.Fprintf(inv.stdout, "bridge %s (revision %s, %s %s/%s)\n", b.Version, b.Revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	}
}
