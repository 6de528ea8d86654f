package sqlite

import (
	"context"
	"fmt"
	"iter"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// ensureProject registers the project of a secret that comes to life.
func (tx *transaction) ensureProject(name string) error {
	if ledger.Reserved(name) || tx.registered[name] {
		return nil
	}
	_, found, err := ledger.ReadProject(tx.file.Keys, tx.c, name)
	if err == nil && !found {
		err = tx.addProject(myvault.Project{Name: name})
	}
	if err == nil {
		tx.registered[name] = true
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
	return ledger.WriteProject(tx.file.Keys, tx.c, p)
}

func (tx *transaction) putProject(c myvault.Change, r *ledger.LogRow) error {
	if ledger.Reserved(c.Project.Name) {
		return fmt.Errorf("%w project name: it may not start with a dot", myvault.ErrInvalid)
	}
	if n := len(c.Project.Description); n > myvault.MaxDescription {
		return fmt.Errorf("%w: the description has %d bytes and the limit is %d", myvault.ErrTooLarge, n, myvault.MaxDescription)
	}
	p, found, err := ledger.ReadProject(tx.file.Keys, tx.c, c.Project.Name)
	if err == nil {
		err = c.If.CheckProject(found)
	}
	if err != nil {
		return err
	}
	r.Description = c.Project.Description
	if found {
		p.Description = c.Project.Description
		err = ledger.WriteProject(tx.file.Keys, tx.c, p)
	} else {
		err = tx.addProject(myvault.Project{Name: c.Project.Name, Description: c.Project.Description})
	}
	if err != nil {
		return err
	}
	return tx.append(tx.c, r)
}

func (tx *transaction) defaultProject(name string, r *ledger.LogRow) error {
	p, found, err := ledger.ReadProject(tx.file.Keys, tx.c, name)
	if err != nil {
		return err
	}
	if !found {
		return myvault.ErrNotFound
	}
	before, err := ledger.ReadProjects(tx.file.Keys, tx.c, `is_default <> 0`)
	if err != nil {
		return err
	}
	for _, old := range before {
		old.Default = false
		if err := ledger.WriteProject(tx.file.Keys, tx.c, old); err != nil {
			return err
		}
	}
	p.Default = true
	if err := ledger.WriteProject(tx.file.Keys, tx.c, p); err != nil {
		return err
	}
	return tx.append(tx.c, r)
}

func (tx *transaction) deleteProject(name string, r *ledger.LogRow) error {
	if _, found, err := ledger.ReadProject(tx.file.Keys, tx.c, name); err != nil || !found {
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
	delete(tx.registered, name)
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

func (s *Store) listProjects(ctx context.Context, from string, read ledger.ReadFunc) iter.Seq2[myvault.Project, error] {
	return func(yield func(myvault.Project, error) bool) {
		for more := true; more; {
			var projects []myvault.Project
			err := read(ctx, func(c *db.Conn) (err error) {
				projects, err = ledger.ReadProjects(s.file.Keys, c, `name >= ?1 ORDER BY name LIMIT ?2`, from, ledger.PageRows)
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
			more = len(projects) == ledger.PageRows
		}
	}
}
