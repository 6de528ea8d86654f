package simdisk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// OpenFilename implements [vfs.VFSFilename].
func (d *Disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	path := name.String()
	if path == "" {
		return d.VFSFilename.OpenFilename(name, flags)
	}
	if err := d.begin(Open, path); err != nil {
		return nil, flags, err
	}
	inner, out, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, out, err
	}
	f := &file{File: inner, disk: d, path: path, flags: flags}
	if flags&vfs.OPEN_MAIN_DB != 0 {
		f.memory = d.memory(inner, path, flags)
	}
	if d.unrecorded {
		return f, out, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scan()
	f.node, err = d.node(path)
	if err != nil {
		return nil, out, errors.Join(err, inner.Close())
	}
	f.node.engine = true
	// The first sync of a new journal also makes its name durable, but here no other name.
	f.syncName = flags&vfs.OPEN_CREATE != 0 && flags&(vfs.OPEN_WAL|vfs.OPEN_MAIN_JOURNAL) != 0
	return f, out, nil
}

// memory returns the shared memory of a database, or one that cannot be mapped.
func (d *Disk) memory(inner vfs.File, path string, flags vfs.OpenFlag) vfs.SharedMemory {
	real := inner.(vfs.FileSharedMemory).SharedMemory()
	if real == nil || d.begin(Map, path+"-shm") == nil {
		return real
	}
	return vfs.NewSharedMemory(filepath.Join(path+"-is-no-directory", "shm"), flags)
}

// Delete implements [vfs.VFS].
func (d *Disk) Delete(path string, syncDir bool) error {
	if err := d.begin(Delete, path); err != nil {
		return err
	}
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return sqlite3.IOERR_DELETE_NOENT
	}
	if err != nil {
		return err
	}
	began := d.now()
	if syncDir {
		return d.synced(filepath.Dir(path), began, nil)
	}
	return nil
}

// file is a file opened by SQLite.
type file struct {
	vfs.File
	disk     *Disk
	node     *node
	path     string
	flags    vfs.OpenFlag
	memory   vfs.SharedMemory
	syncName bool
}

// SharedMemory implements [vfs.FileSharedMemory].
func (f *file) SharedMemory() vfs.SharedMemory { return f.memory }

// Close implements [vfs.File].
func (f *file) Close() error {
	if f.memory != nil {
		_ = f.memory.Close()
	}
	return f.File.Close()
}

// ReadAt implements [vfs.File].
func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if err := f.disk.begin(Read, f.path); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

// WriteAt implements [vfs.File].
func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	failed := f.disk.begin(Write, f.path)
	if failed != nil {
		p = p[:f.disk.short(len(p))]
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if len(p) > 0 {
		if n, err = f.File.WriteAt(p, off); err != nil {
			return n, err
		}
		f.disk.add(event{op: opWrite, node: f.node, off: off, data: slices.Clone(p)})
		f.node.age()
	}
	return n, failed
}

// Truncate implements [vfs.File].
func (f *file) Truncate(size int64) error {
	if err := f.disk.begin(Truncate, f.path); err != nil {
		return err
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.File.Truncate(size); err != nil {
		return err
	}
	f.disk.add(event{op: opTruncate, node: f.node, off: size})
	f.node.age()
	return nil
}

// SizeHint implements [vfs.FileSizeHint].
func (f *file) SizeHint(size int64) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	before, err := f.File.Size()
	if err == nil && size > before {
		if err = f.File.(vfs.FileSizeHint).SizeHint(size); err == nil {
			f.disk.add(event{op: opTruncate, node: f.node, off: size})
			f.node.age()
		}
	}
	return err
}

// HasMoved implements [vfs.FileHasMoved].
func (f *file) HasMoved() (bool, error) { return f.File.(vfs.FileHasMoved).HasMoved() }

// Sync implements [vfs.File].
func (f *file) Sync(vfs.SyncFlag) error {
	began := f.disk.now()
	failed := f.disk.begin(Sync, f.path)
	if f.disk.unrecorded {
		return failed
	}
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.sync(f.node, began, failed)
	if failed != nil {
		return failed
	}
	if f.syncName {
		f.syncName = false
		if dir, err := f.disk.node(filepath.Dir(f.path)); err == nil {
			f.disk.add(event{op: opSync, node: dir, name: filepath.Base(f.path), began: began})
		}
	}
	return nil
}

// careful are the promises of a device that affect the state after a cut.
const careful = vfs.IOCAP_ATOMIC | vfs.IOCAP_ATOMIC512 | vfs.IOCAP_ATOMIC1K | vfs.IOCAP_ATOMIC2K | vfs.IOCAP_ATOMIC4K |
	vfs.IOCAP_ATOMIC8K | vfs.IOCAP_ATOMIC16K | vfs.IOCAP_ATOMIC32K | vfs.IOCAP_ATOMIC64K | vfs.IOCAP_SAFE_APPEND |
	vfs.IOCAP_SEQUENTIAL | vfs.IOCAP_BATCH_ATOMIC | vfs.IOCAP_POWERSAFE_OVERWRITE

// DeviceCharacteristics implements [vfs.File]. Of the promises of the device it keeps only
// powersafe overwrite.
func (f *file) DeviceCharacteristics() vfs.DeviceCharacteristic {
	c := f.File.DeviceCharacteristics() &^ careful
	if !f.disk.Careless {
		c |= vfs.IOCAP_POWERSAFE_OVERWRITE
	}
	return c
}

// SectorSize implements [vfs.File].
func (f *file) SectorSize() int { return sectorSize }

// sectorSize is the sector size of the file system, and the range that a careless device damages.
const sectorSize = 4096
