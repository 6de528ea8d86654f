package sqlite_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// rooms are the packages below internal, each of which imports only those before it.
var rooms = []string{
	"fault", "encode", "directory", "writelock", "db", "archive", "keyring", "schema", "wal", "ledger", "rowcache", "access", "seam",
}

func TestImportsOfRoomsGoOneWay(t *testing.T) {
	const internal = "github.com/myswiftagent/myvault/providers/sqlite/internal/"
	for i, room := range rooms {
		t.Run(room, func(t *testing.T) {
			is := is.New(t)
			out, err := exec.Command("go", "list", "-f", `{{join .Imports "\n"}}`, internal+room).Output()
			is.NoErr(err)
			for _, imported := range strings.Fields(string(out)) {
				if name, found := strings.CutPrefix(imported, internal); found && !slices.Contains(rooms[:i], name) {
					t.Errorf("%s imports %s", room, name)
				}
			}
		})
	}
	entries, err := exec.Command("go", "list", "./internal/...").Output()
	is.New(t).NoErr(err)
	for _, path := range strings.Fields(string(entries)) {
		name := strings.TrimPrefix(path, internal)
		if name != "simdisk" && !strings.HasPrefix(name, "test/") && !slices.Contains(rooms, name) {
			t.Errorf("%s is not in the list of rooms", name)
		}
	}
}
