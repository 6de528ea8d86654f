package tamper_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// edit is a change by SQL, made by someone with the files but without the key.
type edit struct{ file, name, sql string }

// table is a table of a file, with its columns.
type table struct {
	file, name string
	keys       []string
	columns    []column
	rows       int
}

type column struct {
	name, kind string
	nullable   bool
}

// tablesOf returns the tables of both files.
func tablesOf(t *testing.T, dir string) (all []table) {
	t.Helper()
	for _, file := range []string{"vault.db", "access.db"} {
		r := storetest.OpenRaw(t, dir, file)
		for _, name := range r.Blobs(`SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`) {
			it := table{file: file, name: string(name), rows: len(r.Blobs(`SELECT 1 FROM ` + string(name)))}
			for _, info := range r.Blobs(`SELECT concat_ws(' ', name, type, pk > 0, "notnull" = 0 AND pk = 0) FROM pragma_table_info('` + it.name + `')`) {
				f := strings.Fields(string(info))
				if f[2] == "1" {
					it.keys = append(it.keys, f[0])
				}
				it.columns = append(it.columns, column{f[0], f[1], f[3] == "1"})
			}
			all = append(all, it)
		}
		r.Close()
	}
	return all
}

// row returns the condition that selects the n-th row.
func (t table) row(n int) string {
	keys := strings.Join(t.keys, ", ")
	return fmt.Sprintf(`(%s) = (SELECT %s FROM %s ORDER BY %s LIMIT 1 OFFSET %d)`, keys, keys, t.name, keys, n)
}

func (t table) edit(name, sql string) edit {
	return edit{t.file, t.name + ": " + name, sql}
}

// cells returns edits of single columns: to other values of the type, to the value of another
// row, to NULL and from NULL.
func (t table) cells() (all []edit) {
	for n := range t.rows {
		for _, c := range t.columns {
			for _, to := range c.others() {
				all = append(all, t.edit(fmt.Sprintf("row %d, %s becomes %s", n, c.name, to),
					fmt.Sprintf(`UPDATE OR IGNORE %s SET %s = %s WHERE %s`, t.name, c.name, to, t.row(n))))
			}
			other := fmt.Sprintf(`(SELECT o.%s FROM %s o ORDER BY %s LIMIT 1 OFFSET %d)`, c.name, t.name, "o."+strings.Join(t.keys, ", o."), (n+1)%t.rows)
			all = append(all, t.edit(fmt.Sprintf("row %d, %s is that of the next", n, c.name),
				fmt.Sprintf(`UPDATE OR IGNORE %s SET %s = %s WHERE %s`, t.name, c.name, other, t.row(n))))
		}
	}
	return all
}

// others returns expressions for other values. If NULL means a default value, no expression
// yields that value.
func (c column) others() (to []string) {
	switch c.kind {
	case "INTEGER":
		to = []string{"ifnull(" + c.name + ", 76) + 1", "ifnull(" + c.name + ", 76) - 1", "-ifnull(" + c.name + ", 1) - 1", "ifnull(" + c.name + ", 76) + (1 << 33)"}
	case "TEXT":
		to = []string{"ifnull(" + c.name + ", '') || 'x'", "'x' || ifnull(" + c.name + ", '')", "upper(" + c.name + ")", "replace(" + c.name + ", 'e', '')", "hex(zeroblob(40000))"}
	default:
		to = []string{"CAST(ifnull(" + c.name + ", x'') || x'00' AS BLOB)", "CAST(substr(" + c.name + ", 2) AS BLOB)",
			"CAST(substr(" + c.name + ", 1, length(" + c.name + ") - 1) AS BLOB)", "CASE WHEN " + c.name + " IS NOT NULL THEN zeroblob(length(" + c.name + ")) END", "x'01'", "zeroblob(300)"}
	}
	if c.nullable {
		to = append(to, "NULL")
	}
	return to
}

// rowsMoved returns edits of whole rows: removed, doubled, and exchanged except for their keys.
func (t table) rowsMoved() (all []edit) {
	var names, rest []string
	for _, c := range t.columns {
		names = append(names, c.name)
		if !strings.Contains(" "+strings.Join(t.keys, " ")+" ", " "+c.name+" ") {
			rest = append(rest, c.name)
		}
	}
	key := t.keys[len(t.keys)-1]
	for n := range t.rows {
		all = append(all, t.edit(fmt.Sprintf("row %d removed", n), fmt.Sprintf(`DELETE FROM %s WHERE %s`, t.name, t.row(n))))
		doubled := fmt.Sprintf("%s || 'x'", key)
		if key == "seq" || key == "epoch" {
			doubled = fmt.Sprintf("(SELECT max(%s) + 1 FROM %s)", key, t.name)
			all = append(all, t.edit(fmt.Sprintf("row %d removed, and those behind it move up", n),
				fmt.Sprintf(`CREATE TEMP TABLE k AS SELECT %[3]s AS n FROM %[1]s WHERE %[2]s; DELETE FROM %[1]s WHERE %[3]s = (SELECT n FROM k);
					UPDATE %[1]s SET %[3]s = -%[3]s WHERE %[3]s > (SELECT n FROM k);
					UPDATE %[1]s SET %[3]s = -%[3]s - 1 WHERE %[3]s < 0`, t.name, t.row(n), key)))
		}
		all = append(all, t.edit(fmt.Sprintf("row %d doubled", n), fmt.Sprintf(`INSERT INTO %[1]s(%[2]s) SELECT %[3]s FROM %[1]s WHERE %[4]s`,
			t.name, strings.Join(names, ", "), strings.Replace(strings.Join(names, ", "), key, doubled, 1), t.row(n))))
		for other := range n {
			all = append(all, t.exchanged(n, other, rest))
			if t.name == "log" {
				all = append(all, t.exchanged(n, other, []string{"sealed"}), t.exchanged(n, other, []string{"sealed", "digest"}),
					t.exchanged(n, other, []string{"sealed", "digest", "mac"}), t.exchanged(n, other, []string{"project", "path"}))
			}
		}
	}
	return all
}

func (t table) exchanged(n, other int, columns []string) edit {
	list := strings.Join(columns, ", ")
	return t.edit(fmt.Sprintf("rows %d and %d exchange %s", n, other, list), fmt.Sprintf(`CREATE TEMP TABLE a AS SELECT %[2]s FROM %[1]s WHERE %[3]s;
		UPDATE %[1]s SET (%[2]s) = (SELECT %[2]s FROM %[1]s WHERE %[4]s) WHERE %[3]s;
		UPDATE %[1]s SET (%[2]s) = (SELECT %[2]s FROM a) WHERE %[4]s`, t.name, list, t.row(n), t.row(other)))
}

// restored returns edits that put back the rows of an earlier chapter.
func (t table) restored(y *story) (all []edit) {
	for n, dir := range y.past[:len(y.past)-1] {
		attach := fmt.Sprintf(`ATTACH '%s' AS o; `, filepath.Join(dir, t.file))
		all = append(all, t.edit(fmt.Sprint("all rows of chapter ", n), attach+fmt.Sprintf(`DELETE FROM %[1]s; INSERT INTO %[1]s SELECT * FROM o.%[1]s`, t.name)))
		for row := range t.rows {
			all = append(all, t.edit(fmt.Sprintf("row %d of chapter %d", row, n),
				attach+fmt.Sprintf(`INSERT OR REPLACE INTO %[1]s SELECT * FROM o.%[1]s ORDER BY %[2]s LIMIT 1 OFFSET %[3]d`, t.name, strings.Join(t.keys, ", "), row)))
		}
	}
	return all
}

// unproved reports whether nothing authenticates the edited column (docs/format.md). It also allows
// removing the row that remembers access.db: the store then accepts the access.db that it finds,
// as at its first opening.
func (e edit) unproved() bool {
	forgets := e.file == "vault.db" && e.name == "meta: row 0 removed" // that of "access"
	return forgets || strings.HasPrefix(e.name, "epoch: ") && (strings.Contains(e.name, ", at ") || strings.Contains(e.name, ", first "))
}

// TestEdits checks that after a change by SQL every answer is right or an error, and that Verify
// detects the change.
func TestEdits(t *testing.T) {
	is := is.New(t)
	y := newStory(t)
	var all []edit
	for _, it := range tablesOf(t, storetest.Copied(t, y.closed)) {
		all = append(all, it.cells()...)
		all = append(all, it.rowsMoved()...)
		all = append(all, it.restored(y)...)
	}
	possible := len(all)
	if !storetest.LongPass() {
		rand.New(rand.NewPCG(5, 6)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:120]
	}
	untouched := storetest.Copied(t, y.closed)
	before := map[string]string{}
	made, verdicts := 0, map[verdict]int{}
	for _, e := range all {
		name, _, _ := strings.Cut(e.name, ":")
		if before[e.file+name] == "" {
			before[e.file+name] = rowsOf(t, untouched, e.file, name)
		}
		dir := storetest.Copied(t, y.closed)
		r := storetest.OpenRaw(t, dir, e.file)
		r.Exec(e.sql)
		r.Close()
		if rowsOf(t, dir, e.file, name) == before[e.file+name] {
			continue
		}
		made++
		o := y.check(t, dir, e.name)
		verdicts[o.verdict]++
		if !o.detected() && !e.unproved() {
			t.Errorf("not detected: %s", e.name)
		}
		storetest.Must(t, os.RemoveAll(dir))
	}
	is.True(made > len(all)/3) // the others changed nothing
	t.Logf("%d of %d edits: %d changed something; answers: %v", len(all), possible, made, verdicts)
}

// rowsOf returns the contents of a table.
func rowsOf(t *testing.T, dir, file, table string) string {
	t.Helper()
	r := storetest.OpenRaw(t, dir, file)
	defer r.Close()
	var columns []string
	for _, c := range r.Blobs(`SELECT name FROM pragma_table_info('` + table + `')`) {
		columns = append(columns, "quote("+string(c)+")")
	}
	return fmt.Sprintf("%s", r.Blobs(`SELECT concat_ws(',', `+strings.Join(columns, ", ")+`) FROM `+table))
}
