package console_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/envcases"
)

func TestCreateRotateCompareRestore(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-0"})
		p := signedIn(t, v, h, "", admin)
		h.press(p, "New secret")
		h.fill(p, "Project", "newsbot")
		h.fill(p, "Path", "prod/api/key")
		h.press(p, "Create secret")
		p.see("There is no value yet.") // and nothing was sent
		h.fill(p, "New value", "canary-1\nsame")
		h.press(p, "Create secret")
		p.see("Version 1 is saved.")
		is.Equal(v.get("newsbot/prod/api/key"), "canary-1\nsame")

		h.press(p, "New version")
		h.fill(p, "New value", "canary-2\nsame")
		h.press(p, "Save version")
		p.see("Version 2 is saved.")
		is.Equal(v.get("newsbot/prod/api/key"), "canary-2\nsame")
		is.Equal(v.reads(), 0) // nothing was read for any of it

		h.press(p, "Show difference")
		p.see("canary-1")
		is.Equal(value[string](p, `[...document.querySelectorAll(".diff .gone, .diff .come, .diff .same")].map((e) => e.textContent.trim()).join("|")`),
			"removed: - canary-1|added: + canary-2|same")
		is.Equal(v.reads(), 2) // the two that were compared

		h.press(p, "Restore version 1")
		p.see("Version 1 is current again, as version 3.")
		is.Equal(v.get("newsbot/prod/api/key"), "canary-1\nsame")
	})
}

func TestGenerate(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-0"})
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "New version")
		h.press(p, "Generate a value")
		h.choose(p, "Made of", "Hexadecimal")
		h.fill(p, "Length", "40")
		h.press(p, "Generate")
		h.press(p, "Save version")
		p.see("Version 2 is saved.")
		made := v.get("newsbot/prod/db")
		is.Equal(len(made), 40)
		is.Equal(strings.Trim(made, "0123456789abcdef"), "")
		h.press(p, "New version")
		h.press(p, "Generate a value")
		h.press(p, "Let the server make it; nobody sees it, this page neither")
		h.press(p, "Save version")
		p.see("Version 3 is saved.")
		is.Equal(len(v.get("newsbot/prod/db")), 32)
		for version, server := range []bool{false, true} { // a key of 32 bytes, made here and there
			h.press(p, "New version")
			h.press(p, "Generate a value")
			h.choose(p, "Made of", "Key bytes as base64url")
			if server {
				h.press(p, "Let the server make it; nobody sees it, this page neither")
			} else {
				h.press(p, "Generate")
			}
			h.press(p, "Save version")
			p.see(fmt.Sprintf("Version %d is saved.", version+4))
			raw, err := base64.URLEncoding.DecodeString(v.get("newsbot/prod/db"))
			is.NoErr(err)
			is.Equal(len(raw), 32)
		}
		is.Equal(v.reads(), 0)
	})
}

// TestALostRaceShowsBothSides, whether the value was read before (If-Match, 412) or not.
func TestALostRaceShowsBothSides(t *testing.T) {
	for name, reveal := range map[string]bool{"read before": true, "not read": false} {
		t.Run(name, func(t *testing.T) {
			byHand(t, func(t *testing.T, h hand) {
				is := is.New(t)
				v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
				p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
				if reveal {
					h.press(p, "Reveal")
					p.see("canary-1")
					h.press(p, "Hide")
				}
				h.press(p, "New version")
				h.fill(p, "New value", "canary-mine")
				v.put(admin, "newsbot/prod/db", "canary-theirs")
				h.press(p, "Save version")
				p.see("Version 2 was saved while you typed")
				is.Equal(v.get("newsbot/prod/db"), "canary-theirs")                            // nothing was overwritten
				is.Equal(value[string](p, named(fields, "New value")+".value"), "canary-mine") // nothing was lost
				is.True(value[bool](p, `!document.body.innerText.includes("canary-theirs")`))  // and theirs is not shown unasked
				pressElement(p, h, `document.querySelector(".caution button")`)
				p.see("canary-theirs") // both sides
				h.press(p, "Save mine as the next version")
				p.see("Version 3 is saved.")
				is.Equal(v.get("newsbot/prod/db"), "canary-mine")
			})
		})
	}
}

// TestAnExpiredIdentityLosesNoEdit: the token is withdrawn while somebody types.
func TestAnExpiredIdentityLosesNoEdit(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "New version")
		h.fill(p, "New value", "canary-2")
		renewed := serviceOf(t, admin, all)
		renewed.Tokens = []string{"canary-another-token"}
		policy, err := myvault.NewPolicy(renewed)
		is.NoErr(err)
		v.vault.SetPolicy(policy)
		h.press(p, "Save version")
		p.see("The server no longer accepts this identity.")
		h.fill(p, "Token", "canary-wrong")
		h.press(p, "Sign in")
		p.see("Service or token is wrong.")
		is.Equal(value[string](p, `document.querySelector(".pane textarea").value`), "canary-2")
		h.fill(p, "Token", "canary-another-token")
		h.press(p, "Sign in")
		p.see("Version 2 is saved.") // the request went on by itself
		is.Equal(v.get("newsbot/prod/db"), "canary-2")
	})
}

func TestLeavingAnEditAsks(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "New version")
		h.fill(p, "New value", "canary-2")
		h.press(p, "Projects")
		p.see("Leave without saving?")
		h.press(p, "Cancel")
		is.Equal(value[string](p, named(fields, "New value")+".value"), "canary-2")
		h.press(p, "Projects")
		h.press(p, "Leave without saving")
		p.see("Register a project")
		is.True(value[bool](p, `location.hash === "#/projects"`))
	})
}

func TestProjects(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
		p := signedIn(t, v, h, "#/projects", admin)
		h.fill(p, "Name", "rag")
		h.fill(p, "Description", "retrieval")
		h.press(p, "Register")
		p.see("The project is registered.")
		h.press(p, "Describe rag")
		h.fill(p, "Description", "retrieval and ranking")
		h.press(p, "Save")
		p.see("retrieval and ranking")
		h.press(p, "Make default: rag")
		p.see("rag is the default now.")
		h.press(p, "Delete newsbot")
		h.press(p, "Delete")
		p.see("the project still has live secrets") // it says why not
		h.press(p, "Delete rag")
		h.press(p, "Delete")
		p.see("The project is deleted.")
		p.wait(`!document.querySelector("main").innerText.includes("retrieval")`)
		is.Equal(v.get("newsbot/prod/db"), "canary-1")
	})
}

// TestPagesAreFollowed: the register and a history are shown behind their first pages.
func TestPagesAreFollowed(t *testing.T) {
	is := is.New(t)
	v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
	s := v.vault.As(admin)
	for n := range 1002 {
		_, err := s.PutProject(t.Context(), myvault.Project{Name: fmt.Sprintf("p%04d", n)})
		is.NoErr(err)
		v.put(admin, "newsbot/prod/db", "canary-1")
	}
	p := signedIn(t, v, mouse{}, "#/projects", admin)
	p.wait(`document.querySelectorAll("main tbody tr").length === 1003`)
	p.see("p1001")
	p.true(`(location.hash = "#/secret/newsbot/prod/db", true)`)
	p.wait(`document.querySelectorAll(".pane tbody tr").length === 1003`)
}

func TestImport(t *testing.T) {
	const pasted = "# a comment\nSAME=canary-1\nexport CHANGED='canary 2 # no comment'\r\nNEW=\"canary-3\\nline\" # a comment\nNEW2=canary-4 # a comment\n"
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/SAME": "canary-1", "newsbot/prod/CHANGED": "canary-old"})
		p := signedIn(t, v, h, "#/import", admin)
		h.fill(p, "Project", "newsbot")
		h.fill(p, "Folder", "prod/")
		h.fill(p, "Lines", "A=1\nno line\nB='open")
		h.press(p, "Preview changes")
		p.see("line 2: it is no KEY=VALUE")
		p.see("line 3, B: the quote is not closed")
		h.fill(p, "Lines", pasted)
		h.press(p, "Also compare with the current values (each is read, and on record)")
		h.press(p, "Preview changes")
		p.see("What changes")
		is.Equal(value[string](p, `[...document.querySelectorAll("tbody tr")].map((r) => [...r.cells].map((c) => c.textContent).join(" ")).join("|")`),
			"newsbot/prod/SAME unchanged 8 bytes|newsbot/prod/CHANGED version 2 21 bytes|newsbot/prod/NEW new 13 bytes|newsbot/prod/NEW2 new 8 bytes")
		is.Equal(v.reads(), 2)                                // the two that are there
		is.Equal(v.get("newsbot/prod/CHANGED"), "canary-old") // a preview writes nothing
		h.press(p, "Write 3 secrets")
		p.see("3 secrets are written.")
		is.Equal(v.get("newsbot/prod/CHANGED"), "canary 2 # no comment")
		is.Equal(v.get("newsbot/prod/NEW"), "canary-3\nline")
		is.Equal(v.get("newsbot/prod/NEW2"), "canary-4")
	})
}

func TestMatrix(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"a/dev/x": "canary", "a/prod/x": "canary", "a/prod/y": "canary", "b/eu/prod/z": "canary", "a/alone": "canary"})
		time.Sleep(10 * time.Millisecond) // the page tells times apart by the millisecond
		v.put(admin, "a/prod/x", "canary")
		p := signedIn(t, v, h, "#/matrix", admin)
		h.choose(p, "Project", "a")
		p.see("2 names, 1 missing, 0 older; without such a part: 1 name")
		h.choose(p, "Call it older after", "any time")
		p.see("1 older")
		h.press(p, "Only rows with a gap")
		p.wait(`document.querySelectorAll("[role=gridcell]").length === 4`)
		is.Equal(value[string](p, `[...document.querySelectorAll("[role=columnheader]")].map((e) => e.textContent).join()`), "Name,dev,prod")
		openCell(p, h, 1, 0)
		p.see("Create secret") // where the missing one is made
		is.Equal(value[string](p, named(fields, "Path")+".value"), "dev/y")
		is.Equal(v.reads(), 0)
	})
}

func TestAttention(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/lasting": "canary-1"})
		day := 24 * time.Hour
		v.draft("newsbot/prod/ends", myvault.NewVersion{Value: myvault.Text("canary-2"), Expires: time.Now().Add(20 * day)})
		v.draft("newsbot/prod/turns", myvault.NewVersion{Value: myvault.Text("canary-3"), RotateAfter: time.Now().Add(60 * day)})
		p := signedIn(t, v, h, "#/attention", admin)
		p.see("newsbot/prod/ends")
		p.see("Nothing is due in this time.")
		const unused = `document.querySelector("main .card:last-of-type").innerText`
		p.wait(unused + `.includes("lasting")`) // written, and never read
		h.choose(p, "Look ahead", "90 days")
		p.see("newsbot/prod/turns")
		is.True(value[bool](p, `![...document.querySelectorAll("main .card")].slice(0, 2).some((c) => c.innerText.includes("lasting"))`))
		_, err := v.vault.As(admin).Get(t.Context(), myvault.Address{Project: "newsbot", Path: "prod/lasting"})
		is.NoErr(err)
		h.choose(p, "Not read for", "7 days")
		p.wait("!" + unused + `.includes("lasting")`) // read just now
		h.press(p, "newsbot/prod/turns")
		p.see("Rotate after")
		h.press(p, "New version")
		h.press(p, "Expiry and rotation")
		h.fill(p, "New value", "canary-4")
		setDate(p, "Expires", time.Now().Add(100*day))
		h.press(p, "Save version")
		p.see("Version 2 is saved.")
		p.wait(`document.querySelector(".facts").innerText.includes("Expires")`)
		is.Equal(v.reads(), 0)
	})
}

// pressElement presses a control that shares its name with another.
func pressElement(p *page, h hand, element string) {
	p.t.Helper()
	if m, ok := h.(mouse); ok {
		m.click(p, element)
		return
	}
	keyboard{}.reach(p, element)
	keys(p, kbEnter)
}

// setDate sets a date field, whose parts a person types by the order of their own country.
func setDate(p *page, label string, date time.Time) {
	p.t.Helper()
	p.wait(named("input", label))
	value[bool](p, `((field, date) => { field.value = date; return true })(`+named("input", label)+`, `+quoted(date.Format(time.DateOnly))+`)`)
}

func TestTrailAccessHealth(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1", "rag/prod/key": "canary-2"}, serviceOf(t, "newsbot", "newsbot/prod/@read"))
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "Reveal")
		p.see("canary-1")
		h.press(p, "Who can read this?")
		p.see("2 services may read newsbot/prod/db")
		p.see("newsbot/prod/@read") // the deciding rule
		h.fill(p, "Also ask about the service", "stranger")
		h.press(p, "Ask")
		p.see("denied")
		h.press(p, "Trail")
		p.see("Reads and refusals")
		h.fill(p, "Project", "newsbot")
		h.fill(p, "Action", "read")
		h.press(p, "Show")
		p.wait(`document.querySelectorAll(".stack-tight tbody tr").length === 1`)
		is.True(value[bool](p, `location.hash.includes("project=newsbot")`)) // to be shared
		h.press(p, "Health")
		p.see("The store answers.")
		p.see("Ready for requests.")
		p.see("You are " + admin)
		p.see("The secrets are kept in the local store (sqlite).")
	})
}

// openCell opens a cell of the matrix.
func openCell(p *page, h hand, row, column int) {
	p.t.Helper()
	if m, ok := h.(mouse); ok {
		m.click(p, `document.querySelectorAll("[role=grid] .row")[`+strconv.Itoa(row)+`].querySelectorAll("[role=gridcell]")[`+strconv.Itoa(column)+`]`)
		return
	}
	keyboard{}.reach(p, `document.querySelector("[role=grid]")`)
	for range row {
		keys(p, kbDown)
	}
	for range column {
		keys(p, kbRight)
	}
	keys(p, kbEnter)
}

// TestImportNamesWhatItCannotWrite, and writes the rest: one empty value fails no other.
func TestImportNamesWhatItCannotWrite(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, nil)
		p := signedIn(t, v, h, "#/import", admin)
		h.fill(p, "Project", "newsbot")
		h.fill(p, "Folder", "prod")
		h.fill(p, "Lines", "A=canary\nA=canary2\nB=\"canary\\d\"")
		h.press(p, "Preview changes")
		p.see("line 2, A: the key is given twice")
		p.see("line 3, B: in double quotes a backslash precedes")
		h.fill(p, "Lines", "HASH=p@ss#canary\nURL=https://app.example/#/canary # c\nEMPTY=\n"+strings.Repeat("L", 129)+"=canary\nLAST=canary")
		h.press(p, "Preview changes")
		p.see("What changes")
		is.Equal(value[string](p, `[...document.querySelectorAll("tbody tr")].map((r) => [...r.cells].slice(0, 2).map((c) => c.textContent).join(" ")).join("|")`),
			"newsbot/prod/HASH new|newsbot/prod/URL new|newsbot/prod/EMPTY not written it is empty; a value has at least 1 byte|newsbot/prod/"+
				strings.Repeat("L", 129)+" not written the name is longer than 128 bytes|newsbot/prod/LAST new")
		p.see("2 lines cannot be written and are left out")
		h.press(p, "Write 3 secrets")
		p.see("3 secrets are written.")
		is.Equal(v.get("newsbot/prod/HASH"), "p@ss#canary")
		is.Equal(v.get("newsbot/prod/URL"), "https://app.example/#/canary")
		is.Equal(v.get("newsbot/prod/LAST"), "canary")
		is.Equal(v.get("newsbot/prod/EMPTY"), "")
	})
}

// TestThePageReadsAnEnvAsGoDoes, in the browser itself: the table of both readers, and random
// texts.
func TestThePageReadsAnEnvAsGoDoes(t *testing.T) {
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
			t.Fatalf("%q is %v to the page and %v to Go", c.Text, read[n], c.Result)
		}
	}
}
