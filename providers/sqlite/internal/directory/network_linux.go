package directory

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// magics has the f_type of statfs(2) of network and cluster file systems. They are from
// linux/magic.h, or from the source of the file system if it is not listed there.
var magics = map[uint32]string{
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xfe534d42: "SMB2",
	0xff534d42: "CIFS",
	0x564c:     "NCP",
	0x01021997: "9P",
	0x5346414f: "AFS",
	0x6b414653: "AFS",
	0x73757245: "Coda",
	0x00c36400: "Ceph",
	0x0bd00bd0: "Lustre",
	0x47504653: "GPFS",
	0x19830326: "BeeGFS",
	0x01161970: "GFS2",
	0x7461636f: "OCFS2",
	0x20030528: "OrangeFS",
	0x786f4256: "vboxsf",
	0x7c7c6673: "prl_fs",
	0xbacbacbc: "HGFS",
}

const magicFUSE = 0x65735546

// localFUSE has the types of the FUSE file systems that are known to be local.
var localFUSE = map[string]bool{
	"fuseblk": true, "fuse.ntfs-3g": true, "fuse.bindfs": true, "fuse.fuse-overlayfs": true,
	"fuse.mergerfs": true, "fuse.gocryptfs": true, "fuse.encfs": true, "fuse.cryfs": true, "fuse.lxcfs": true,
}

// networkOf returns the name of the network file system that dir is on. If dir is on a local file
// system, it returns "". A FUSE file system counts as a network file system unless it is known to
// be local.
func networkOf(dir string) (string, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return "", &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if uint32(s.Type) != magicFUSE {
		return magics[uint32(s.Type)], nil
	}
	name := mountType(dir)
	if localFUSE[name] {
		return "", nil
	}
	return name, nil
}

// mountType returns the type of the file system that dir is on, from /proc/self/mountinfo
// (proc_pid_mountinfo(5)). If that cannot be read, it returns "fuse".
func mountType(dir string) string {
	found, longest := "fuse", -1
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return found
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		fields, kind := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 || len(kind) == 0 {
			continue
		}
		point := strings.TrimSuffix(fields[4], "/")
		// Of two mounts on the same mount point, the later one is visible.
		if len(point) >= longest && (dir == point || strings.HasPrefix(dir, point+"/")) {
			found, longest = kind[0], len(point)
		}
	}
	return found
}
