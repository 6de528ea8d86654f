//go:build linux

package main_test

import (
	"bytes"
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"
)

// canary is in the value that is edited. No file may have it afterwards.
var canary = "canary-" + rand.Text()

// begun is when the tests began.
var begun = time.Now().Add(-time.Second)

// editing runs edit with an editor in a terminal.
func (v *vault) editing(editor string, args ...string) *terminal {
	cmd := v.command(append([]string{"edit"}, args...)...)
	cmd.Env = append(cmd.Env, "EDITOR="+editor, "TERM=xterm", "XDG_RUNTIME_DIR=")
	return v.inTerminal(cmd)
}

// leftovers returns the files of edit that are left in memory, and all files of this test or in
// the directories of temporary files that have the canary. The store is encrypted.
//
// It looks only at files that are newer than this test.
func (v *vault) leftovers() (found []string) {
	v.t.Helper()
	for _, root := range []string{"/dev/shm", "/var/tmp", os.TempDir(), v.dir, homeOf(v)} {
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() && strings.HasPrefix(entry.Name(), "go-build") {
				return fs.SkipDir
			}
			if info, err := entry.Info(); err == nil && info.Mode().IsRegular() && info.Size() < 1<<20 && info.ModTime().After(begun) {
				if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(canary)) {
					found = append(found, path)
				}
			}
			return nil
		})
	}
	return found
}

func homeOf(v *vault) string {
	for _, item := range v.environ {
		if home, found := strings.CutPrefix(item, "HOME="); found {
			return home
		}
	}
	return ""
}

// TestEditorsLeaveNoCopy edits with vim and nano, whose settings ask for backups, swap files, undo
// files and histories. One edit is saved, and one editor is killed.
func TestEditorsLeaveNoCopy(t *testing.T) {
	for _, c := range []struct{ editor, settings, text, change, quit string }{
		{"vim", ".vimrc", "set backup swapfile undofile viminfo='100,<50,s10\nset backupdir=~ directory=~ undodir=~\n", "\x1bggA-changed\x1bdd:put!\r", "\x1b:wq\r"},
		{"nano", ".nanorc", "set backup\nset backupdir \"~\"\nset historylog\nset locking\n", "\x05-changed", "\x0f\r\x18"},
	} {
		t.Run(c.editor, func(t *testing.T) {
			require(t, c.editor)
			is := is.New(t)
			v := newVault(t)
			v.must(canary, "put", "p/x")
			is.NoErr(os.WriteFile(filepath.Join(homeOf(v), c.settings), []byte(c.text), 0o600))
			e := v.editing(c.editor, "p/x")
			e.await(canary)
			e.send(c.change)
			e.await("changed")
			is.True(len(v.leftovers()) > 0) // the search finds the file in memory
			for _, path := range v.leftovers() {
				is.True(strings.HasPrefix(path, "/dev/shm/myvault-edit-"))
			}
			e.send(c.quit)
			text, code := e.end()
			is.Equal(code, 0)
			is.True(strings.Contains(text, "p/x version 2"))
			is.True(strings.HasPrefix(v.must("", "get", "p/x"), canary+"-changed"))
			is.Equal(v.leftovers(), nil)

			e = v.editing(c.editor, "p/x")
			e.await(canary)
			e.send(c.change)
			is.NoErr(e.cmd.Process.Signal(syscall.SIGTERM))
			_, code = e.end()
			is.Equal(code, 128+15)
			is.Equal(v.leftovers(), nil)
			is.Equal(strings.Count(v.must("", "history", "p/x"), "\n"), 2) // nothing was written
		})
	}
}

// script returns an editor that is a shell script. $1 is the file.
func (v *vault) script(text string) string {
	path := v.write("editor", "#!/bin/sh\n"+text+"\n")
	if err := os.Chmod(path, 0o700); err != nil {
		v.t.Fatal(err)
	}
	return path
}

func TestEdit(t *testing.T) {
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		_, code := v.editing(v.script(`echo created > "$1"`), "p/new").end()
		is.Equal(code, 0)
		is.Equal(v.must("", "get", "p/new"), "created") // without the line break of the editor
		text, code := v.editing(v.script(`true`), "p/new").end()
		is.Equal(code, 0)
		is.True(strings.Contains(text, "nothing was written"))
		text, code = v.editing(v.script(`echo x > "$1"; exit 3`), "p/new").end()
		is.Equal(code, 1)
		is.True(strings.Contains(text, "nothing was written"))
		_, code = v.editing(v.script(`: > "$1"`), "p/new").end()
		is.Equal(code, 1) // empty
		is.Equal(strings.Count(v.must("", "history", "p/new"), "\n"), 1)
		_, code = v.editing(v.script(`stat -c %a "$(dirname "$1")" "$1" > modes; env > environ; echo y > "$1"`), "p/new").end()
		is.Equal(code, 0)
		modes, err := os.ReadFile(filepath.Join(v.dir, "modes"))
		is.NoErr(err)
		is.Equal(string(modes), "700\n600\n")
	})
}

// TestEditLosesARace changes the secret while the editor is open.
func TestEditLosesARace(t *testing.T) {
	for answer, want := range map[string]string{"w": "mine", "q": "theirs", "e": "merged"} {
		t.Run(answer, func(t *testing.T) {
			is := is.New(t)
			v := newVault(t)
			v.must("before", "put", "p/x")
			// The second time, the editor finds what it has left.
			editor := v.script(`if grep -q mine "$1"; then echo merged > "$1"; else printf theirs | ` + binary + ` put p/x; echo mine > "$1"; fi`)
			e := v.editing(editor, "p/x")
			e.await("- theirs\r\n+ mine\r\n")
			e.await("(q)uit? ")
			e.send(answer + "\n")
			_, code := e.end()
			is.Equal(code == 0, answer != "q")
			is.Equal(v.must("", "get", "p/x"), want)
			is.Equal(leftIn("/dev/shm"), 0)
		})
	}
}

func leftIn(dir string) int {
	found, _ := filepath.Glob(filepath.Join(dir, "myvault-edit-*"))
	return len(found)
}

// TestKilledEditIsCleanedUp kills edit itself. The next edit removes what it left in memory.
func TestKilledEditIsCleanedUp(t *testing.T) {
	is := is.New(t)
	v := newVault(t)
	v.must(canary, "put", "p/x")
	e := v.editing(v.script(`echo ready; exec sleep 60`), "p/x")
	e.await("ready")
	is.NoErr(e.cmd.Process.Kill())
	_ = e.pty.Close()
	_ = e.cmd.Wait()
	is.True(len(v.leftovers()) > 0)
	_, _ = v.editing(v.script(`true`), "p/x").end()
	is.Equal(v.leftovers(), nil)
}

// TestSignalsEndEdit sends signals while an editor is open. Nothing is left, and
// nothing is written.
func TestSignalsEndEdit(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			is := is.New(t)
			v := newVault(t)
			v.must(canary, "put", "p/x")
			e := v.editing(v.script(`trap '' QUIT; echo changed > "$1"; echo ready; exec sleep 60`), "p/x")
			e.await("ready")
			is.NoErr(e.cmd.Process.Signal(s))
			_, code := e.end()
			is.Equal(code, 128+int(s))
			is.Equal(leftIn("/dev/shm"), 0)
			is.Equal(v.must("", "get", "p/x"), canary)
		})
	}
}

// TestKeysAreForTheEditor types Ctrl-C into an editor that goes on.
func TestKeysAreForTheEditor(t *testing.T) {
	is := is.New(t)
	v := newVault(t)
	e := v.editing(v.script(`trap 'echo caught' INT; echo ready; until read answer; do :; done; echo "$answer" > "$1"`), "p/x")
	e.await("ready")
	e.send("\x03")
	e.await("caught")
	e.send("typed\n")
	_, code := e.end()
	is.Equal(code, 0)
	is.Equal(v.must("", "get", "p/x"), "typed")
}

// TestEditorsThatAreNotVim edits with a vi that knows no options, and with an emacsclient.
func TestEditorsThatAreNotVim(t *testing.T) {
	for _, name := range []string{"vi", "emacsclient"} {
		is := is.New(t)
		v := newVault(t)
		editor := v.script(`[ $# = 1 ] && [ -e "$1" ] && echo "written" > "$1"`)
		is.NoErr(os.Rename(editor, filepath.Join(v.dir, name)))
		_, code := v.editing(filepath.Join(v.dir, name), "p/x").end()
		is.Equal(code, 0)
		is.Equal(v.must("", "get", "p/x"), "written")
	}
}
