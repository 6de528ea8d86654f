//go:build unix

package trusted

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// hasOwners reports whether files have a Unix owner.
const hasOwners = true

// owner is the owner of a file.
type owner struct{ user, group int }

func ownerOf(info fs.FileInfo) (o owner, known bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return o, false
	}
	return owner{int(stat.Uid), int(stat.Gid)}, true
}

// onlyMember reports whether user is the only member of group in /etc/passwd and /etc/group, as
// primary or additional group. It returns false for root, whose group is shared.
func onlyMember(group, user int) bool {
	if user == 0 {
		return false
	}
	name := ""
	for _, fields := range readFields("/etc/passwd", 7) {
		if fields[3] != strconv.Itoa(group) {
			continue
		}
		if name != "" || fields[2] != strconv.Itoa(user) {
			return false
		}
		name = fields[0]
	}
	found := false
	for _, fields := range readFields("/etc/group", 4) {
		if fields[2] != strconv.Itoa(group) {
			continue
		}
		if fields[3] != "" && fields[3] != name {
			return false
		}
		found = true
	}
	return found && name != ""
}

// readFields returns the fields of each line of path, and omits lines with fewer than count.
func readFields(path string, count int) (all [][]string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if split := strings.Split(strings.TrimSpace(line), ":"); len(split) >= count {
			all = append(all, split)
		}
	}
	return all
}
