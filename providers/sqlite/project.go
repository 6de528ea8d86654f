package sqlite

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
)

const projectColumns = `name, description, is_default, at, author, mac`

// scanProject reads a row of projectColumns and proves its stamp.
func scanProject(k *keyring.Ring, row *sqlite3.Stmt) (myvault.Project, error) {
	p := myvault.Project{
		Name: row.ColumnText(0), Description: row.ColumnText(1), Default: row.ColumnInt64(2) != 0,
		At: db.TimeAt(row, 3), By: row.ColumnText(4),
	}
	if n := row.ColumnInt64(2); n != int64(flag(p.Default)) || !k.Stamp.Holds(projectRow(k, p), row.ColumnRawBlob(5)) {
		return myvault.Project{}, fault.Tampered("a row of the table project")
	}
	return p, nil
}

func writeProject(k *keyring.Ring, c *db.Conn, p myvault.Project) error {
	return c.Run(`INSERT INTO project(name, description, is_default, at, author, mac) VALUES(?1, ?2, ?3, ?4, ?5, ?6)
		ON CONFLICT(name) DO UPDATE SET description = ?2, is_default = ?3, at = ?4, author = ?5, mac = ?6`,
		p.Name, p.Description, p.Default, p.At.UnixMicro(), p.By, k.Stamp.Sum(projectRow(k, p)))
}

// projects reads those rows of the register that the condition selects, by name. Rows that do
// not stand in that order are no rows of this program.
func readProjects(k *keyring.Ring, c *db.Conn, condition string, args ...any) (projects []myvault.Project, err error) {
	err = c.Each(`SELECT `+projectColumns+` FROM project WHERE `+condition, func(row *sqlite3.Stmt) error {
		p, err := scanProject(k, row)
		if n := len(projects); err == nil && n > 0 && p.Name <= projects[n-1].Name {
			err = fault.Tampered("the order of the table project")
		}
		projects = append(projects, p)
		return err
	}, args...)
	return projects, err
}

// project gives the registered project of that name; found is false where there is none.
func readProject(k *keyring.Ring, c *db.Conn, name string) (p myvault.Project, found bool, err error) {
	projects, err := readProjects(k, c, `name = ?1`, name)
	if err != nil || len(projects) == 0 {
		return p, false, err
	}
	if projects[0].Name != name {
		return p, false, fault.Tampered("the order of the table project")
	}
	return projects[0], true, nil
}

// reserved reports whether the project is the vault's own; such are never registered.
func reserved(name string) bool { return strings.HasPrefix(name, ".") }

// enrol registers the project of a secret that comes to life.
func (tx *transaction) enrol(name string) error {
	if reserved(name) || tx.enrolled[name] {
		return nil
	}
	_, found, err := readProject(tx.file.Keys, tx.c, name)
	if err == nil && !found {
		err = tx.addProject(myvault.Project{Name: name})
	}
	if err == nil {
		tx.enrolled[name] = true
	}
	return err
}

func (tx *transaction) addProject(p myvault.Project) error {
	registered := 0
	err := tx.c.Each(`SELECT count(*) FROM project`, func(row *sqlite3.Stmt) error {
		registered = row.ColumnInt(0)
		return nil
	})
	if err != nil {
		return err
	}
	if registered >= tx.maxProjects {
		return fmt.Errorf("%w: %d projects are registered and the limit is %d", myvault.ErrTooLarge, registered, tx.maxProjects)
	}
	p.Default, p.At, p.By = false, tx.commit.At, tx.commit.By
	return writeProject(tx.file.Keys, tx.c, p)
}

func (tx *transaction) putProject(c myvault.Change, r *logRow) error {
	if reserved(c.Project.Name) {
		return fmt.Errorf("%w project name: it may not start with a dot", myvault.ErrInvalid)
	}
	if n := len(c.Project.Description); n > myvault.MaxDescription {
		return fmt.Errorf("%w: the description has %d bytes and the limit is %d", myvault.ErrTooLarge, n, myvault.MaxDescription)
	}
	p, found, err := readProject(tx.file.Keys, tx.c, c.Project.Name)
	if err == nil {
		err = c.If.CheckProject(found)
	}
	if err != nil {
		return err
	}
	r.description = c.Project.Description
	if found {
		p.Description = c.Project.Description
		err = writeProject(tx.file.Keys, tx.c, p)
	} else {
		err = tx.addProject(myvault.Project{Name: c.Project.Name, Description: c.Project.Description})
	}
	if err != nil {
		return err
	}
	return tx.append(tx.c, r)
}

func (tx *transaction) defaultProject(name string, r *logRow) error {
	p, found, err := readProject(tx.file.Keys, tx.c, name)
	if err != nil {
		return err
	}
	if !found {
		return myvault.ErrNotFound
	}
	before, err := readProjects(tx.file.Keys, tx.c, `is_default <> 0`)
	if err != nil {
		return err
	}
	for _, old := range before {
		old.Default = false
		if err := writeProject(tx.file.Keys, tx.c, old); err != nil {
			return err
		}
	}
	p.Default = true
	if err := writeProject(tx.file.Keys, tx.c, p); err != nil {
		return err
	}
	return tx.append(tx.c, r)
}

func (tx *transaction) deleteProject(name string, r *logRow) error {
	if _, found, err := readProject(tx.file.Keys, tx.c, name); err != nil || !found {
		if err == nil {
			err = myvault.ErrNotFound
		}
		return err
	}
	live := false
	err := tx.c.Each(`SELECT 1 FROM head WHERE project = ?1 AND state = 1 LIMIT 1`, func(*sqlite3.Stmt) error {
		live = true
		return nil
	}, name)
	if err != nil {
		return err
	}
	if live {
		return myvault.ErrNotEmpty
	}
	delete(tx.enrolled, name)
	if err := tx.c.Run(`DELETE FROM project WHERE name = ?1`, name); err != nil {
		return err
	}
	return tx.append(tx.c, r)
}

// Projects implements [myvault.Provider]. It reads the register in pages and holds
// nothing between them.
func (s *Store) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	return s.listProjects(ctx, from, s.file.Readers.Read)
}

func (s *Store) listProjects(ctx context.Context, from string, read reading) iter.Seq2[myvault.Project, error] {
	return func(yield func(myvault.Project, error) bool) {
		for more := true; more; {
			var projects []myvault.Project
			err := read(ctx, func(c *db.Conn) (err error) {
				projects, err = readProjects(s.file.Keys, c, `name >= ?1 ORDER BY name LIMIT ?2`, from, page)
				if err == nil && len(projects) > 0 && projects[0].Name < from {
					err = fault.Tampered("the order of the table project")
				}
				return err
			})
			if err != nil {
				yield(myvault.Project{}, err)
				return
			}
			for _, p := range projects {
				if !yield(p, nil) {
					return
				}
				from = p.Name + "\x00" // the least name behind it
			}
			more = len(projects) == page
		}
	}
}
