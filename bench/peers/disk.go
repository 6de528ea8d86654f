package peers

import (
	"os"
	"path/filepath"
)

// recordSize is about what a change must write at the least: a name and a sealed value.
const recordSize = 128

// Disk is a file to which one caller writes records, each on the disk before the next.
type Disk struct {
	file   *os.File
	record []byte
	at     int64 // where the next one goes; negative: at the end
	size   int64 // of the part that is written again and again
}

// NewAppending gives a file that grows, as a log does.
func NewAppending(dir string) (*Disk, error) {
	f, err := os.OpenFile(filepath.Join(dir, "appended"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return &Disk{file: f, record: make([]byte, recordSize), at: -1}, err
}

// NewOverwriting gives a file that keeps its size of 16 MiB, as a write-ahead log does once
// it was filled: the file system has less to note down.
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

// Write writes a record and waits for the disk.
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
