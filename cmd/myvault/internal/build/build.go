// Package build describes the build of the running program.
package build

import (
	"runtime"
	"runtime/debug"
)

// Info describes a build.
type Info struct {
	Version  string `json:"version" help:"of the module"`
	Commit   string `json:"commit" help:"of the source, or unknown"`
	Modified bool   `json:"modified" help:"true: the tree had changes that were not committed"`
	Time     string `json:"time" help:"of the commit"`
	Go       string `json:"go" help:"version of Go"`
	Platform string `json:"platform" help:"such as linux/amd64"`
}

// Read returns what the toolchain recorded in this program.
func Read() Info {
	b := Info{Version: "(devel)", Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	read, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if read.Main.Version != "" {
		b.Version = read.Main.Version
	}
	for _, s := range read.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
