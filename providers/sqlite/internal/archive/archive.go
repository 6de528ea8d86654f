// Package archive writes and reads the sealed stream of a backup: a header, then the files of a
// store one after the other. It knows the master key and the key of the backup. It does not open
// the files as databases, and does not choose where they are restored.
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
	magic         = "myVault backup\r\n"
	formatVersion = 1
	headerSize    = len(magic) + 1 + crypto.VaultIDSize + 32 + 12 + crypto.KeySize + 16
)

// NewHeader generates the key of a backup. It returns the key, and the header with the wrapped
// key.
func NewHeader(master *crypto.Master, vault []byte) (key crypto.Key, header []byte, err error) {
	key = crypto.NewKey()
	wrapped, err := master.Wrap(key, crypto.LabelBackup, 0)
	if err != nil {
		return key, nil, err
	}
	header = append([]byte(magic), formatVersion)
	for _, part := range [][]byte{vault, master.CheckValue(), wrapped} {
		header = append(header, part...)
	}
	return key, header, nil
}

// Open reads the header and returns a reader of the files. If from is not a backup, it returns
// ErrForeign. If key is not the master key of the backup, it returns ErrWrongKey.
func Open(from io.Reader, key crypto.Key) (io.Reader, error) {
	header := make([]byte, headerSize)
	n, err := io.ReadFull(from, header)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	var start, vault, check, wrapped []byte
	var version uint8
	s := cryptobyte.String(header[:n])
	switch {
	case !s.ReadBytes(&start, len(magic)) || !bytes.Equal(start, []byte(magic)):
		return nil, fmt.Errorf("%w: not a backup", fault.ErrForeign)
	case !s.ReadUint8(&version):
		return nil, fault.Tampered("the backup is truncated")
	case version > formatVersion:
		return nil, fmt.Errorf("%w: the backup has format %d and this program reads up to %d; use a newer program", fault.ErrNewer, version, formatVersion)
	case version < formatVersion, !s.ReadBytes(&vault, crypto.VaultIDSize), !s.ReadBytes(&check, 32), !s.ReadBytes(&wrapped, len(s)), err != nil:
		return nil, fault.Tampered("the header of the backup")
	}
	master, err := crypto.NewMaster(key, vault)
	if err != nil {
		return nil, err
	}
	if !master.Matches(check) {
		return nil, fmt.Errorf("%w: the backup needs the master key of the time when it was made", myvault.ErrWrongKey)
	}
	streamKey, err := master.Unwrap(wrapped, crypto.LabelBackup, 0)
	if err != nil {
		return nil, fault.Tampered("the key of the backup does not authenticate")
	}
	return crypto.NewStreamReader(streamKey, header, from)
}

// Write writes the header and the files. It calls step with the number of bytes after each part.
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

// addFile writes the size of a file, then its contents.
func addFile(ctx context.Context, to io.Writer, f *os.File, d directory.Disk, step func(int64)) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := to.Write(binary.BigEndian.AppendUint64(nil, uint64(info.Size()))); err != nil {
		return err
	}
	// The file was written through another descriptor, so the offset of f is 0.
	return copyAll(ctx, to, d.Wrap(f), info.Size(), step)
}

// Extract writes the files of a backup into dir, under the given names, and syncs them. If it
// returns nil, they are authentic and complete.
func Extract(ctx context.Context, from io.Reader, dir string, names []string, d directory.Disk) error {
	for _, name := range names {
		var size [8]byte
		if _, err := io.ReadFull(from, size[:]); err != nil {
			return streamError(err)
		}
		if err := extractFile(ctx, from, filepath.Join(dir, name), int64(binary.BigEndian.Uint64(size[:])), d); err != nil {
			return err
		}
	}
	switch n, err := from.Read(make([]byte, 1)); {
	case n != 0:
		return fault.Tampered("the backup has data after its end")
	case !errors.Is(err, io.EOF):
		return streamError(err)
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
		return streamError(err)
	}
	return d.Sync(f)
}

// copyAll copies size bytes in parts of 1 MiB. Before each part it checks ctx.
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

// streamError returns ErrTampered if a stream does not authenticate or ends too early.
func streamError(err error) error {
	if errors.Is(err, crypto.ErrOpen) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the backup was altered or truncated: %w", myvault.ErrTampered, err)
	}
	return err
}
