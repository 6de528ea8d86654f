package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/archive"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// Backup writes the whole store to one file, while the store is used, and returns the heads
// of the copy. Keep them elsewhere for [VerifyBackup]. Without the master key the file
// reveals only its size, not even names. It contains the keys of the store wrapped under
// the current master key, so keep that key as long as the backup.
//
// Both files are copied as of one moment between two changes. The backup has every change
// that was acknowledged before the call, and every change that an access entry in it has
// seen.
//
// If there is a file at path, Backup returns [fs.ErrExist]. The backup appears there
// complete and synced, or not at all. Meanwhile a copy of the files, with readable names,
// is in the directory of the store; it needs as much free space. If progress is not nil, it
// is called with the bytes done and an estimate of the total.
//
// During the copy the write-ahead log keeps the old bytes of destroyed values. A destroy or
// a change of keys then returns [myvault.ErrUnknownOutcome] at once: it is done, and its
// old bytes are removed when the copy ends.
//
// If Backup returns heads and an error, the backup is complete, but [Config.HeadsFile] or
// the entry of the backup could not be written. Keep the heads, or remove the backup and
// repeat it. Without heads there is no backup; the error is [myvault.ErrUnavailable] if the
// disk failed. If not even the name could be removed again, the error is
// [myvault.ErrUnknownOutcome].
func (s *Store) Backup(ctx context.Context, path string, progress func(done, total int64)) ([]myvault.Head, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	heads, err := s.backup(ctx, path, progress)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", fault.FromAny(ctx, err))
	}
	if err := errors.Join(s.writeHeadsFile(), s.trail.RecordOutcome(ctx, "backup", nil)); err != nil {
		return heads, fmt.Errorf("the backup is complete, but its heads or its trail entry could not be written: %w", err)
	}
	return heads, nil
}

func (s *Store) backup(ctx context.Context, path string, progress func(done, total int64)) ([]myvault.Head, error) {
	if _, err := os.Lstat(path); !fault.NotExist(err) {
		return nil, errors.Join(err, fmt.Errorf("%w: the file of the backup; choose another name", fs.ErrExist))
	}
	shot, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer shot.close()
	key, header, err := archive.NewHeader(shot.master, s.file.Keys.Vault)
	if err != nil {
		return nil, err
	}
	done := int64(0)
	step := func(n int64) {
		done += n
		progress(done, max(done, 2*shot.size)) // copied once, then sealed
	}
	copies, err := shot.copy(ctx, s, step)
	defer closeAll(copies)
	shot.close()
	if err != nil {
		return nil, err
	}
	err = directory.Publish(path, s.file.Options.Disk, func(to io.Writer) error {
		return archive.Write(ctx, to, key, header, copies, s.file.Options.Disk, step)
	})
	return shot.heads, err
}

// archiveKinds are the files of a backup, in order.
var archiveKinds = []schema.Kind{schema.VaultFile, schema.AccessFile}

// snapshot is both files as of one moment.
type snapshot struct {
	files  []*wal.File
	conns  []*db.Conn // with a transaction open, in the order of archiveKinds
	master *crypto.Master
	heads  []myvault.Head
	size   int64
}

// snapshot begins reading both files under the write lock of vault.db. A change of the
// master key takes that lock too, so none can come between the two.
func (s *Store) snapshot(ctx context.Context) (shot *snapshot, err error) {
	shot = &snapshot{files: []*wal.File{s.file, s.trail.File}}
	for _, f := range shot.files {
		f.BackupsRunning.Add(1)
	}
	for _, f := range shot.files {
		c, err := f.OpenReader(ctx)
		if err != nil {
			shot.close()
			return nil, err
		}
		shot.conns = append(shot.conns, c)
	}
	err = s.file.Writer.Do(ctx, &wal.Request{Apply: func(*db.Conn) error { return shot.begin(s) }})
	if err != nil {
		shot.close()
		return nil, err
	}
	return shot, nil
}

func (shot *snapshot) begin(s *Store) (err error) {
	shot.heads, shot.size = nil, 0
	for i, head := range []func(*db.Conn) (myvault.Head, error){ledger.ChangesHead, access.ReadHead} {
		c := shot.conns[i]
		if err := errors.Join(c.Rollback(), c.Run(`BEGIN DEFERRED`)); err != nil {
			return err
		}
		h, err := head(c)
		if err != nil {
			return err
		}
		shot.heads = append(shot.heads, h)
		pages, err := c.Number("page_count")
		if err != nil {
			return err
		}
		size, err := c.Number("page_size")
		if err != nil {
			return err
		}
		shot.size += pages * size
	}
	shot.master, err = s.file.Keys.CurrentMaster(shot.conns[0])
	return err
}

// close ends the reading and removes the old bytes that it kept. A second close does nothing.
func (shot *snapshot) close() {
	for _, c := range shot.conns {
		_ = c.Close() // it has only read
	}
	for _, f := range shot.files {
		f.BackupsRunning.Add(-1)
		f.ScrubPending(context.Background())
	}
	shot.conns, shot.files = nil, nil
}

// copyPages is the number of pages copied at a time.
const copyPages = 256

// copy copies both files. The names of the copies are already removed if the system permits
// that.
func (shot *snapshot) copy(ctx context.Context, s *Store, step func(int64)) (copies []*os.File, err error) {
	for i, c := range shot.conns {
		f, claimed, err := s.file.Options.Disk.CreateTemp(filepath.Dir(s.file.Path), directory.TemporaryPrefix+"backup-*")
		if err != nil {
			return copies, err
		}
		copies = append(copies, f)
		err = fault.Guard(func() error { return copyDatabase(ctx, c, f.Name(), s.file.Options.VFS, step) })
		_ = os.Remove(f.Name() + "-journal")
		_ = os.Remove(f.Name())
		_ = claimed.Close()
		if err != nil {
			return copies, fmt.Errorf("copy of %s, which needs %d bytes in %s until the backup is made: %w",
				archiveKinds[i].Name, shot.size, filepath.Dir(s.file.Path), explained(err, f, s.file.Options.Disk))
		}
	}
	return copies, nil
}

// explained adds the error of another write to err: the engine does not say why a copy
// could not be written.
func explained(err error, f *os.File, d directory.Disk) error {
	if !fault.HasCode(err, sqlite3.IOERR, sqlite3.FULL) {
		return err
	}
	if _, failed := f.Seek(0, io.SeekEnd); failed != nil {
		return err
	}
	_, failed := d.Wrap(f).Write(make([]byte, 1<<16))
	return errors.Join(failed, err)
}

// copyDatabase copies the database as the transaction of c sees it:
// https://sqlite.org/backup.html
func copyDatabase(ctx context.Context, c *db.Conn, path, vfs string, step func(int64)) (err error) {
	size, err := c.Number("page_size")
	if err != nil {
		return err
	}
	b, err := c.BackupInit("main", db.URI(path, vfs))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for done := false; !done; {
		if err := ctx.Err(); err != nil {
			return err
		}
		left := b.Remaining()
		if done, err = b.Step(copyPages); err != nil {
			return err
		}
		if left > 0 {
			step(int64(left-b.Remaining()) * size)
		}
	}
	return nil
}

func closeAll(copies []*os.File) {
	for _, f := range copies {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
}
