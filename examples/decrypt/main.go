// Command decrypt reads one secret from a store without any code of myVault. It uses only SQLite,
// the standard library and the format in docs/format.md. It shows that users can always get their
// data out, and its test checks the document. The master key comes from the environment, because
// command lines are visible to other users:
//
//	go run ./examples/decrypt data/vault.db newsbot prod/db/password
//
// It authenticates the record, but not the head row that selects it.
package main

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/ncruces/go-sqlite3"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: MSA_MASTER_KEY=base64:... decrypt <vault.db> <project> <path>")
		os.Exit(2)
	}
	value, err := decrypt(os.Args[1], os.Getenv("MSA_MASTER_KEY"), os.Args[2], os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_, _ = os.Stdout.Write(value)
}

// decrypt follows the section "To read a value" of docs/format.md.
func decrypt(file, key, project, path string) ([]byte, error) {
	encoded, found := strings.CutPrefix(key, "base64:")
	master, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(master) != 32 {
		return nil, errors.New("MSA_MASTER_KEY must be base64:<32 bytes>")
	}
	db, err := sqlite3.OpenFlags(uri(file), sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	vault, err := blob(db, `SELECT value FROM meta WHERE name = 'vault'`)
	if err != nil {
		return nil, err
	}
	check, err := blob(db, `SELECT value FROM meta WHERE name = 'check'`)
	if derived, _ := hkdf.Key(sha256.New, master, vault, "myvault/v1/check", 32); err != nil || !bytes.Equal(check, derived) {
		return nil, errors.Join(errors.New("wrong master key"), err)
	}
	text, err := blob(db, `SELECT printf('%016x', head.version) || hex(log.sealed) FROM head JOIN log ON log.seq = head.value_seq
		WHERE head.project = ? AND head.path = ? AND head.state = 1`, project, path)
	if err != nil {
		return nil, err
	}
	both, err := hex.DecodeString(string(text))
	if err != nil || len(both) < 13 || both[8] != 1 {
		return nil, errors.Join(errors.New("unknown record format"), err)
	}
	version, record := both[:8], both[8:]
	data, err := dataKey(db, master, vault, record[1:5])
	if err != nil {
		return nil, err
	}
	return open(data, record[5:], join(str8("myvault/v1/record"), record[:1], str8(string(vault)),
		str16(project), str16(path), version, record[1:5]))
}

// uri returns the URI of the file. If there is no write-ahead log, no process has the file open. It
// is then opened as immutable, because SQLite would otherwise create a log and leave it there. See
// https://sqlite.org/uri.html#uriimmutable
func uri(file string) string {
	name := "file:" + url.PathEscape(filepath.ToSlash(file))
	if _, err := os.Lstat(file + "-wal"); err != nil {
		name += "?immutable=1"
	}
	return name
}

// dataKey unwraps the data key of an epoch.
func dataKey(db *sqlite3.Conn, master, vault, epoch []byte) ([]byte, error) {
	wrapped, err := blob(db, `SELECT wrapped FROM epoch WHERE epoch = ?`, fmt.Sprint(binary.BigEndian.Uint32(epoch)))
	if err != nil {
		return nil, err
	}
	wrap, err := hkdf.Key(sha256.New, master, vault, "myvault/v1/wrap", 32)
	if err != nil {
		return nil, err
	}
	return open(wrap, wrapped, join(str8("myvault/v1/wrap"), str8("data"), str8(string(vault)), epoch))
}

// open decrypts IV(12) | ciphertext | tag(16) with AES-256-GCM.
func open(key, sealed, additional []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(sealed) < 12 {
		return nil, errors.Join(errors.New("the record is too short"), err)
	}
	return gcm.Open(nil, sealed[:12], sealed[12:], additional)
}

// blob returns the single column of the single row of a query.
func blob(db *sqlite3.Conn, query string, args ...string) ([]byte, error) {
	stmt, _, err := db.Prepare(query)
	if err != nil {
		return nil, err
	}
	defer stmt.Close()
	for i, arg := range args {
		if err := stmt.BindText(i+1, arg); err != nil {
			return nil, err
		}
	}
	if !stmt.Step() {
		return nil, errors.Join(errors.New("not found"), stmt.Err())
	}
	return stmt.ColumnBlob(0, nil), nil
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
func str8(s string) []byte        { return append([]byte{byte(len(s))}, s...) }
func str16(s string) []byte       { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
