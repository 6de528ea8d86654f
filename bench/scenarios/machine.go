package scenarios

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/bench/peers"
)

// describe returns a Markdown list of the machine, the options and the compared stores. It leaves
// out host names and paths.
func describe(o Options, dir string) string {
	var b strings.Builder
	item := func(format string, args ...any) { b.WriteString(wrap("- "+fmt.Sprintf(format, args...), "  ") + "\n") }
	item("%s, `%s`", time.Now().UTC().Format(time.DateOnly), o.Command)
	item("%d cores of %s, %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name"), machineMemory())
	item("%s/%s, kernel %s, stores on %s", runtime.GOOS, runtime.GOARCH, word("/proc/sys/kernel/osrelease", 1), filesystem(dir))
	item("%s, GOMAXPROCS %d, default garbage collector settings", runtime.Version(), runtime.GOMAXPROCS(0))
	item("load average over the minute before: %s", word("/proc/loadavg", 1))
	item("%d rounds, %v per measurement", o.Rounds, o.Slice)
	item("compared with: %s", strings.Join(versions(), ", "))
	b.WriteString("\nFeatures of myVault that the others lack:\n\n")
	for _, e := range peers.Engines()[1:] {
		item("%s: %s", e.Name, e.Missing)
	}
	item("bare map + AES-GCM: no disk, policy, trail or versions")
	return b.String()
}

// versions returns the compared modules with their versions.
func versions() []string {
	compared := []string{"go.etcd.io/bbolt", "github.com/dgraph-io/badger/v4", "github.com/tailscale/setec", "github.com/ncruces/go-sqlite3"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return compared
	}
	var found []string
	for _, module := range compared {
		for _, d := range info.Deps {
			if d.Path == module {
				found = append(found, d.Path+" "+d.Version)
			}
		}
	}
	return found
}

const unknown = "unknown"

// field returns the value of a line "name: value" of the file.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return unknown
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}

// word returns the n-th word of the file, counted from 1.
func word(file string, n int) string {
	text, err := os.ReadFile(file)
	words := strings.Fields(string(text))
	if err != nil || len(words) < n {
		return unknown
	}
	return words[n-1]
}

func machineMemory() string {
	var kb float64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%f kB", &kb); err != nil {
		return "memory " + unknown
	}
	return fmt.Sprintf("%.0f GiB", kb/(1<<20))
}
