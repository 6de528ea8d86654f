package cli

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/terminal"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// onTerminal reports whether standard output is a terminal.
func (a *app) onTerminal() bool { return term.IsTerminal(int(a.stdout.Fd())) }

// openOutput prepares the output. On a terminal, names and values cannot control it.
func (a *app) openOutput() (closeOutput func() error) {
	out, errs := io.Writer(a.stdout), io.Writer(a.stderr)
	var quoting []*terminal.Writer
	if a.onTerminal() {
		quoting = append(quoting, terminal.NewWriter(out))
		out = quoting[0]
	}
	if term.IsTerminal(int(a.stderr.Fd())) {
		errs = terminal.NewWriter(errs)
	}
	a.out, a.err = bufio.NewWriter(out), errs
	return func() error {
		err := a.out.Flush()
		for _, w := range quoting {
			err = errors.Join(err, w.Close())
		}
		return err
	}
}

// printJSON prints v on one line.
func (a *app) printJSON(v any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// print prints v with --json, and otherwise a line of text.
func (a *app) print(v any, format string, args ...any) error {
	if a.json {
		return a.printJSON(v)
	}
	_, err := fmt.Fprintf(a.out, format+"\n", args...)
	return err
}

// table prints rows in columns, or as JSON objects. On a terminal it has a header.
type table struct {
	app    *app
	writer *tabwriter.Writer
}

func (a *app) table(header ...string) *table {
	t := &table{a, tabwriter.NewWriter(a.out, 0, 4, 2, ' ', 0)}
	if !a.json && a.onTerminal() {
		fmt.Fprintln(t.writer, strings.Join(header, "\t"))
	}
	return t
}

// row prints v with --json, and otherwise the cells.
func (t *table) row(v any, cells ...any) error {
	if t.app.json {
		return t.app.printJSON(v)
	}
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(t.writer, "\t")
		}
		fmt.Fprint(t.writer, terminal.Quote(fmt.Sprint(cell)))
	}
	_, err := fmt.Fprintln(t.writer)
	return err
}

func (t *table) end() error { return t.writer.Flush() }

// info is the JSON of a version. Its members have the names of the HTTP API.
type info struct {
	Project     string `json:"project"`
	Path        string `json:"path"`
	Version     uint64 `json:"version"`
	State       string `json:"state"`
	UpdatedAt   string `json:"updated_at"`
	UpdatedBy   string `json:"updated_by"`
	ExpiresAt   string `json:"expires_at,omitempty"`
	Expired     bool   `json:"expired,omitzero"`
	RotateAfter string `json:"rotate_after,omitempty"`
}

func infoOf(i myvault.Info) info {
	return info{
		Project: i.Project, Path: i.Path, Version: uint64(i.Version), State: i.State.String(),
		UpdatedAt: rfc3339.Format(i.At), UpdatedBy: i.By,
		ExpiresAt: rfc3339.Format(i.Expires), Expired: i.Expired(time.Now()), RotateAfter: rfc3339.Format(i.RotateAfter),
	}
}

// value is the JSON of a value: text if it is UTF-8, else base64.
type value struct {
	Value    string `json:"value"`
	Encoding string `json:"encoding,omitempty"`
}

func valueOf(v myvault.Value) value {
	if text := v.Reveal(); utf8.ValidString(text) {
		return value{Value: text}
	}
	return value{base64.StdEncoding.EncodeToString(v.RevealBytes()), "base64"}
}

// shortTime returns a time for people, in the local time zone.
func shortTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// describeInfo describes a version in one line, without its value.
func describeInfo(i myvault.Info) string {
	text := fmt.Sprintf("%s version %d, %s, by %s at %s", i.Address, i.Version, i.State, terminal.Quote(i.By), shortTime(i.At))
	if !i.Expires.IsZero() {
		text += ", expires " + shortTime(i.Expires)
	}
	if !i.RotateAfter.IsZero() {
		text += ", rotate after " + shortTime(i.RotateAfter)
	}
	return text
}
