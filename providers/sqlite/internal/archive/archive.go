// Package archive writes and reads the sealed stream of a backup.
package archive

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/crypto/cryptobyte"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// The header of a backup; docs/format.md describes it.
const (
	archiveMagic   = "myVault backup\r\n"
	archiveVersion = 1
	archiveHeader  = len(archiveMagic) + 1 + crypto.VaultIDSize + 32 + 12 + crypto.KeySize + 16
)

// New draws the key of a backup and gives the header that carries it, wrapped.
func New(master *crypto.Master, vault []byte) (key crypto.Key, header []byte, err error) {
	key = crypto.NewKey()
	wrapped, err := master.Wrap(key, crypto.LabelBackup, 0)
	if err != nil {
		return key, nil, err
	}
	header = append([]byte(archiveMagic), archiveVersion)
	for _, part := range [][]byte{vault, master.Check(), wrapped} {
		header = append(header, part...)
	}
	return key, header, nil
}

// Open reads the header and gives what stands behind it.
func Open(from io.Reader, key crypto.Key) (io.Reader, error) {
	header := make([]byte, archiveHeader)
	n, err := io.ReadFull(from, header)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	var magic, vault, check, wrapped []byte
	var version uint8
	s := cryptobyte.String(header[:n])
	switch {
	case !s.ReadBytes(&magic, len(archiveMagic)) || !bytes.Equal(magic, []byte(archiveMagic)):
		return nil, fmt.Errorf("%w: this is no backup", fault.ErrForeign)
	case !s.ReadUint8(&version):
		return nil, fault.Tampered("the backup was cut")
	case version > archiveVersion:
		return nil, fmt.Errorf("%w: the backup has version %d and this program knows %d; use a newer program", fault.ErrNewer, version, archiveVersion)
	case version < archiveVersion, !s.ReadBytes(&vault, crypto.VaultIDSize), !s.ReadBytes(&check, 32), !s.ReadBytes(&wrapped, len(s)), err != nil:
		return nil, fault.Tampered("the header of the backup")
	}
	master, err := crypto.NewMaster(key, vault)
	if err != nil {
		return nil, err
	}
	if !master.Matches(check) {
		return nil, fmt.Errorf("%w: the backup was made under another; give the key that was in force then", myvault.ErrWrongKey)
	}
	streamKey, err := master.Unwrap(wrapped, crypto.LabelBackup, 0)
	if err != nil {
		return nil, fault.Tampered("the key of the backup does not open")
	}
	return crypto.NewStreamReader(streamKey, header, from)
}

// Write writes a whole backup.
func Write(ctx context.Context, to io.Writer, key crypto.Key, header []byte, files []*os.File, d directory.Disk, step func(int64)) error {
	if _, err := to.Write(header); err != nil {
		return err
	}
	sealed, err := crypto.NewStreamWriter(key, header, to)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := addFile(ctx, sealed, f, d, step); err != nil {
			return err
		}
	}
	return sealed.Close()
}

// addFile appends a file behind its size.
func addFile(ctx context.Context, to io.Writer, f *os.File, d directory.Disk, step func(int64)) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := to.Write(binary.BigEndian.AppendUint64(nil, uint64(info.Size()))); err != nil {
		return err
	}
	return copyAll(ctx, to, d.Wrap(f), info.Size(), step) // it was written by another descriptor, so this one is at its beginning
}

// Extract writes the files of a backup into dir, under those names. They are authentic and whole when it
// returns nil, and their contents on the disk.
func Extract(ctx context.Context, from io.Reader, dir string, names []string, d directory.Disk) error {
	for _, name := range names {
		var size [8]byte
		if _, err := io.ReadFull(from, size[:]); err != nil {
			return ofStream(err)
		}
		if err := extractFile(ctx, from, filepath.Join(dir, name), int64(binary.BigEndian.Uint64(size[:])), d); err != nil {
			return err
		}
	}
	switch n, err := from.Read(make([]byte, 1)); {
	case n != 0:
		return fault.Tampered("the backup goes on behind its end")
	case !errors.Is(err, io.EOF):
		return ofStream(err)
	}
	return nil
}

func extractFile(ctx context.Context, from io.Reader, path string, size int64, d directory.Disk) (err error) {
	f, err := d.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := copyAll(ctx, d.Wrap(f), from, size, func(int64) {}); err != nil {
		return ofStream(err)
	}
	return d.Sync(f)
}

// copyAll copies so many bytes, and looks between parts whether ctx has ended.
func copyAll(ctx context.Context, to io.Writer, from io.Reader, size int64, step func(int64)) error {
	for size > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.CopyN(to, from, min(size, 1<<20))
		if err != nil {
			return err
		}
		size -= n
		step(n)
	}
	return nil
}

// ofStream gives ErrTampered for a stream that does not open or ends too early.
func ofStream(err error) error {
	if errors.Is(err, crypto.ErrOpen) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the backup was altered or cut: %w", myvault.ErrTampered, err)
	}
	return err
}
