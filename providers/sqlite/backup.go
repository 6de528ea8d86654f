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

// Backup writes one file with all that the store holds, while it is used, and gives the
// heads of what is in it, to be kept elsewhere for [VerifyBackup]. Without the master key
// the file tells nothing but its size, names neither. It carries the keys of the store
// wrapped under the master key in force, so that key must be kept as long as the backup is.
//
// Both files are copied as they are at one moment, between two changes: each change that
// was acknowledged before the call is in it, and each change that an access entry in it
// has seen.
//
// There must be no file at path, else it is [fs.ErrExist]; the backup appears there whole and
// durable, or not at all. While it is made, a copy of the files, in which names are readable,
// is in the directory of the store: that needs their size in free space there. progress,
// unless it is nil, is told how many bytes are done, of about how many.
//
// While the files are copied, the old bytes of what is destroyed stay in the write-ahead log, for
// the backup reads them: a destroy or a change of keys is answered at once then, with
// [myvault.ErrUnknownOutcome]; it is done, and its old bytes go when the copying ends.
//
// An error together with heads, not nil, means that the backup stands and is whole, but that
// [Config.HeadsFile] or the entry of the backup could not be written: keep the heads, or
// remove the backup and repeat it. Without heads there is no backup: [myvault.ErrUnavailable] where
// the disk refused it, and where its end did not come to the disk. Only where the disk refuses even to
// take the name back is it [myvault.ErrUnknownOutcome], and the file stands.
func (s *Store) Backup(ctx context.Context, path string, progress func(done, total int64)) ([]myvault.Head, error) {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	heads, err := s.backup(ctx, path, progress)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", fault.Operational(ctx, err))
	}
	if err := errors.Join(s.writeHeadsFile(), s.trail.RecordOutcome(ctx, "backup", nil)); err != nil {
		return heads, fmt.Errorf("the backup is made and stands at its path, but its heads or its entry could not be written: %w", err)
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
	key, header, err := archive.New(shot.master, s.file.Keys.Vault)
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

// archiveKinds are the files of a backup, in their order.
var archiveKinds = []schema.Kind{schema.VaultFile, schema.AccessFile}

// snapshot is a moment of both files.
type snapshot struct {
	files  []*wal.File
	conns  []*db.Conn // with a transaction open, in the order of archiveKinds
	master *crypto.Master
	heads  []myvault.Head
	size   int64
}

// snapshot begins reading both files while nobody can change vault.db. So no change of the
// master key comes between them either, which takes that lock.
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
	shot.master, err = s.file.Keys.Current(shot.conns[0])
	return err
}

// close ends the reading, and removes the old bytes that it kept. It may be called again.
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

// copyPages is how many pages are copied at a time.
const copyPages = 256

// copy copies both files and gives the copies, whose names are gone where the system permits that.
func (shot *snapshot) copy(ctx context.Context, s *Store, step func(int64)) (copies []*os.File, err error) {
	for i, c := range shot.conns {
		f, claimed, err := s.file.Options.Disk.CreateTemp(filepath.Dir(s.file.Path), directory.TemporaryPrefix+"backup-*")
		if err != nil {
			return copies, err
		}
		copies = append(copies, f)
		err = fault.Guard(func() error { return copyDatabase(c, ctx, f.Name(), s.file.Options.VFS, step) })
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

// explained adds the error of one more write to an error of the engine, which does not say why a
// copy could not be written.
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

// copyTo copies the database as the transaction of c sees it: https://sqlite.org/backup.html
func copyDatabase(c *db.Conn, ctx context.Context, path, vfs string, step func(int64)) (err error) {
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
