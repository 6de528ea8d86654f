package peers

import (
	"os"
	"path/filepath"
)

// recordSize is about the least that a change must write: a name and a sealed value.
const recordSize = 128

// Disk is a file to which one caller writes records and syncs after each.
type Disk struct {
	file   *os.File
	record []byte
	at     int64 // offset of the next record; negative appends
	size   int64 // of the part that is overwritten in turn
}

// NewAppending creates a file that grows, like a log.
func NewAppending(dir string) (*Disk, error) {
	f, err := os.OpenFile(filepath.Join(dir, "appended"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return &Disk{file: f, record: make([]byte, recordSize), at: -1}, err
}

// NewOverwriting creates a file with a fixed size of 16 MiB, like a write-ahead log that is
// reused. The file system has less metadata to write.
func NewOverwriting(dir string) (*Disk, error) {
	const size = 16 << 20
	f, err := os.OpenFile(filepath.Join(dir, "overwritten"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(make([]byte, size)); err != nil {
		return nil, err
	}
	return &Disk{file: f, record: make([]byte, recordSize), size: size}, f.Sync()
}

// Write writes a record and syncs it to the disk.
func (d *Disk) Write() error {
	if d.at < 0 {
		if _, err := d.file.Write(d.record); err != nil {
			return err
		}
		return syncData(d.file)
	}
	if _, err := d.file.WriteAt(d.record, d.at); err != nil {
		return err
	}
	d.at = (d.at + recordSize) % d.size
	return syncData(d.file)
}

// Close closes the file.
func (d *Disk) Close() error { return d.file.Close() }
