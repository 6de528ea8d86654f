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

// owner is whom a file belongs to.
type owner struct{ user, group int }

func ownerOf(info fs.FileInfo) (o owner, known bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return o, false
	}
	return owner{int(stat.Uid), int(stat.Gid)}, true
}

// onlyMember reports whether the user is the only member of a group in the system's files: no other
// user has it as the first group or is named as a further member. It is false for root, whose group
// is shared.
func onlyMember(group, user int) bool {
	if user == 0 {
		return false
	}
	name := ""
	for _, fields := range lines("/etc/passwd", 7) {
		if fields[3] != strconv.Itoa(group) {
			continue
		}
		if name != "" || fields[2] != strconv.Itoa(user) {
			return false
		}
		name = fields[0]
	}
	found := false
	for _, fields := range lines("/etc/group", 4) {
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

// lines splits the lines of such a file, and leaves out those with too few fields.
func lines(path string, fields int) (all [][]string) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if split := strings.Split(strings.TrimSpace(line), ":"); len(split) >= fields {
			all = append(all, split)
		}
	}
	return all
}
