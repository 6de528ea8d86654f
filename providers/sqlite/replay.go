package sqlite

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// replay does to the register what the row did.
func (v *verification) replay(r *ledger.LogRow) {
	name := r.Entry.Address.Project
	p, registered := v.register[name]
	switch r.Op {
	case myvault.OpPut, myvault.OpUndelete:
		if !registered && !ledger.Reserved(name) {
			v.register[name] = myvault.Project{Name: name, At: r.At, By: r.Author}
		}
	case myvault.OpPutProject:
		if !registered {
			p = myvault.Project{Name: name, At: r.At, By: r.Author}
		}
		p.Description = r.Description
		v.register[name] = p
	case myvault.OpDefaultProject:
		for other, p := range v.register {
			if p.Default != (other == name) {
				p.Default = !p.Default
				v.register[other] = p
			}
		}
	case myvault.OpDeleteProject:
		delete(v.register, name)
	}
}

// projects compares the register with what the log says of it.
func (v *verification) projects(c *db.Conn) error {
	err := c.Each(`SELECT `+ledger.ProjectColumns+` FROM project`, func(row *sqlite3.Stmt) error {
		p, err := ledger.ScanProject(v.keys, row)
		if err != nil {
			return err
		}
		if v.register[p.Name] != p {
			return fault.Tampered("a row of the table project tells another story than the log")
		}
		v.report.Projects++
		return nil
	})
	if err == nil && v.report.Projects != len(v.register) {
		err = fault.Tampered("the register has %d projects and the log %d", v.report.Projects, len(v.register))
	}
	return err
}
