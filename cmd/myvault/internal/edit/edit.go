package edit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// stopTimeout is how long an editor may take to end once it is asked to.
const stopTimeout = 5 * time.Second

// Editor is the program to edit with, and its files.
type Editor struct {
	Command string // a command line, such as "code --wait"
	Dir     string // for the value; "": one in memory
	Environ []string
	Stdin   *os.File
	Stdout  *os.File
	Stderr  *os.File
}

// File is a value in an editor. Close removes it.
type File struct {
	editor Editor
	dir    string
	path   string
	before []byte
	bare   bool // before had no line break at its end
}

// Open writes a value to a new file in memory. name is the end of its name.
func (e Editor) Open(name string, value []byte) (*File, error) {
	dir, err := makeDir(e.Dir)
	if err != nil {
		return nil, err
	}
	f := &File{editor: e, dir: dir, path: filepath.Join(dir, filepath.Base(name)), before: value, bare: !bytes.HasSuffix(value, []byte("\n"))}
	if err := os.WriteFile(f.path, value, 0o600); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close removes the file and all others that the editor left beside it.
func (f *File) Close() error { return os.RemoveAll(f.dir) }

// Edit runs the editor and returns the value. Editors end a file with a line break. It is removed
// if the value had none, and from a new value of a single line. If ctx ends, the editor is asked
// to end, and is killed if it does not.
func (f *File) Edit(ctx context.Context) ([]byte, error) {
	if err := f.run(ctx); err != nil {
		return nil, err
	}
	after, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("the editor has removed the file: %w", err)
	}
	if f.bare && (len(f.before) > 0 || bytes.Count(after, []byte("\n")) == 1) {
		after = bytes.TrimSuffix(after, []byte("\n"))
	}
	return after, nil
}

func (f *File) run(ctx context.Context) error {
	args := arguments(ctx, f.editor.Command)
	if len(args) == 0 {
		return errors.New("no editor: set VISUAL or EDITOR")
	}
	cmd := exec.CommandContext(ctx, args[0], append(args[1:], f.path)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(hangup) }
	cmd.WaitDelay = stopTimeout
	// Temporary files of the editor stay in memory too.
	cmd.Env = append(f.editor.Environ, "TMPDIR="+f.dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = f.editor.Stdin, f.editor.Stdout, f.editor.Stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("the editor %s: %w; nothing was written", args[0], err)
	}
	return nil
}

// arguments returns the words of a command line with the options that keep an editor from copying
// the file elsewhere.
func arguments(ctx context.Context, command string) []string {
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil
	}
	editor := strings.TrimSuffix(filepath.Base(words[0]), ".exe")
	if (editor == "vi" || editor == "view") && isVim(ctx, words[0]) {
		editor = "vim"
	}
	return append(words, noCopies(editor)...)
}

// isVim reports whether a program is vim. Others that are named vi, such as that of busybox, do
// not start with the options of vim.
func isVim(ctx context.Context, program string) bool {
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	return err == nil && bytes.HasPrefix(out, []byte("VIM"))
}

// noCopies returns the options of an editor against swap, backup, undo and history files. They
// come after the user's settings, which could turn them on.
func noCopies(editor string) []string {
	switch editor {
	case "vim", "gvim", "mvim", "vim.basic", "vim.tiny", "vim.nox":
		// vim reads -n and -i before the settings, and -c after them.
		return []string{"-n", "-i", "NONE", "-c", "set nobackup nowritebackup noswapfile noundofile viminfo="}
	case "nvim":
		return []string{"-n", "-i", "NONE", "-c", "set nobackup nowritebackup noswapfile noundofile shada="}
	case "nano":
		return []string{"--ignorercfiles"} // without settings, nano keeps no backup and no history
	case "emacs": // with --eval, emacsclient opens no file
		return []string{"--eval", "(setq make-backup-files nil auto-save-default nil create-lockfiles nil)"}
	}
	return nil
}
