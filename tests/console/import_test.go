package console_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/envcases"
)

func TestImport(t *testing.T) {
	const pasted = "# a comment\nSAME=canary-1\nexport CHANGED='canary 2 # no comment'\r\nNEW=\"canary-3\\nline\" # a comment\nNEW2=canary-4 # a comment\n"
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/SAME": "canary-1", "newsbot/prod/CHANGED": "canary-old"})
		p := signedIn(t, v, h, "#/import", admin)
		h.fill(p, "Project", "newsbot")
		h.fill(p, "Folder", "prod/")
		h.fill(p, "Lines", "A=1\nno line\nB='open")
		h.press(p, "Preview changes")
		p.see("line 2: not KEY=VALUE")
		p.see("line 3, B: the quote is not closed")
		h.fill(p, "Lines", pasted)
		h.press(p, "Compare with the current values (reads each value and records the read)")
		h.press(p, "Preview changes")
		p.wait(`document.querySelector("tbody")`)
		is.Equal(value[string](p, `[...document.querySelectorAll("tbody tr")].map((r) => [...r.cells].map((c) => c.textContent).join(" ")).join("|")`),
			"newsbot/prod/SAME unchanged 8 bytes|newsbot/prod/CHANGED version 2 21 bytes|newsbot/prod/NEW new 13 bytes|newsbot/prod/NEW2 new 8 bytes")
		is.Equal(v.reads(), 2)                                // the two existing secrets
		is.Equal(v.get("newsbot/prod/CHANGED"), "canary-old") // a preview writes nothing
		h.press(p, "Write 3 secrets")
		p.see("3 secrets are written.")
		is.Equal(v.get("newsbot/prod/CHANGED"), "canary 2 # no comment")
		is.Equal(v.get("newsbot/prod/NEW"), "canary-3\nline")
		is.Equal(v.get("newsbot/prod/NEW2"), "canary-4")
	})
}

// TestImportSkipsInvalidValues checks that the import reports values that it cannot write, and
// writes the others.
func TestImportSkipsInvalidValues(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, nil)
		p := signedIn(t, v, h, "#/import", admin)
		h.fill(p, "Project", "newsbot")
		h.fill(p, "Folder", "prod")
		h.fill(p, "Lines", "A=canary\nA=canary2\nB=\"canary\\d\"")
		h.press(p, "Preview changes")
		p.see("line 2, A: the key appears twice")
		p.see("line 3, B: in double quotes, a backslash must be followed by")
		h.fill(p, "Lines", "HASH=p@ss#canary\nURL=https://app.example/#/canary # c\nEMPTY=\n"+strings.Repeat("L", 129)+"=canary\nLAST=canary")
		h.press(p, "Preview changes")
		p.wait(`document.querySelector("tbody")`)
		is.Equal(value[string](p, `[...document.querySelectorAll("tbody tr")].map((r) => [...r.cells].slice(0, 2).map((c) => c.textContent).join(" ")).join("|")`),
			"newsbot/prod/HASH new|newsbot/prod/URL new|newsbot/prod/EMPTY not written the value is empty; it needs at least 1 byte|newsbot/prod/"+
				strings.Repeat("L", 129)+" not written the name is longer than 128 bytes|newsbot/prod/LAST new")
		p.see("2 lines cannot be written and are skipped")
		h.press(p, "Write 3 secrets")
		p.see("3 secrets are written.")
		is.Equal(v.get("newsbot/prod/HASH"), "p@ss#canary")
		is.Equal(v.get("newsbot/prod/URL"), "https://app.example/#/canary")
		is.Equal(v.get("newsbot/prod/LAST"), "canary")
		is.Equal(v.get("newsbot/prod/EMPTY"), "")
	})
}

// TestDotenvMatchesGo compares dotenv.js in the browser with the Go parser: the shared table of
// cases and random texts.
func TestDotenvMatchesGo(t *testing.T) {
	is := is.New(t)
	v := serve(t, nil)
	p := open(t, v, "")
	cases := append(envcases.Table(t), envcases.Random(2, 5_000)...)
	var texts []string
	for _, c := range cases {
		texts = append(texts, c.Text)
	}
	raw, err := json.Marshal(texts)
	is.NoErr(err)
	read := value[[]envcases.Result](p, `import("./dotenv.js").then(({parse}) => `+string(raw)+`.map((text) => {
		const {entries, errors} = parse(text)
		return errors.length ? {wrong: errors.map((e) => e.line)} : {settings: Object.fromEntries(entries.map((e) => [e.name, e.value]))}
	}))`)
	is.Equal(len(read), len(cases))
	for n, c := range cases {
		if !reflect.DeepEqual(read[n], c.Result) {
			t.Fatalf("%q: dotenv.js returns %v, Go returns %v", c.Text, read[n], c.Result)
		}
	}
}
