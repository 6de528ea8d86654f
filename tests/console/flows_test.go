package console_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

func TestCreateRotateCompareRestore(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-0"})
		p := signedIn(t, v, h, "", admin)
		h.press(p, "New secret")
		h.fill(p, "Project", "newsbot")
		h.fill(p, "Path", "prod/api/key")
		h.press(p, "Create secret")
		p.see("There is no value yet.") // no request was sent
		h.fill(p, "New value", "canary-1\nsame")
		h.press(p, "Create secret")
		p.see("Version 1 is saved.")
		is.Equal(v.get("newsbot/prod/api/key"), "canary-1\nsame")

		h.press(p, "New version")
		h.fill(p, "New value", "canary-2\nsame")
		h.press(p, "Save version")
		p.see("Version 2 is saved.")
		is.Equal(v.get("newsbot/prod/api/key"), "canary-2\nsame")
		is.Equal(v.reads(), 0) // no value was read so far

		h.press(p, "Show difference")
		p.see("canary-1")
		is.Equal(value[string](p, `[...document.querySelectorAll(".diff .removed, .diff .added, .diff .same")].map((e) => e.textContent.trim()).join("|")`),
			"removed: - canary-1|added: + canary-2|same")
		is.Equal(v.reads(), 2) // the two compared versions

		h.press(p, "Restore version 1")
		p.see("Version 1 is current again, as version 3.")
		is.Equal(v.get("newsbot/prod/api/key"), "canary-1\nsame")
	})
}

func TestGenerate(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-0"})
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "New version")
		h.press(p, "Generate a value")
		h.choose(p, "Format", "Hexadecimal")
		h.fill(p, "Length", "40")
		h.press(p, "Generate")
		h.press(p, "Save version")
		p.see("Version 2 is saved.")
		made := v.get("newsbot/prod/db")
		is.Equal(len(made), 40)
		is.Equal(strings.Trim(made, "0123456789abcdef"), "")
		h.press(p, "New version")
		h.press(p, "Generate a value")
		h.press(p, "Generate on the server, without showing the value here")
		h.press(p, "Save version")
		p.see("Version 3 is saved.")
		is.Equal(len(v.get("newsbot/prod/db")), 32)
		for version, server := range []bool{false, true} { // a key of 32 bytes, from the page and from the server
			h.press(p, "New version")
			h.press(p, "Generate a value")
			h.choose(p, "Format", "Key bytes as base64url")
			if server {
				h.press(p, "Generate on the server, without showing the value here")
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

// TestRefreshKeepsButtons covers a press that has begun when the page refreshes after a save. If
// the refresh replaced the button, the browser would send no click.
func TestRefreshKeepsButtons(t *testing.T) {
	is := is.New(t)
	v := serve(t, map[string]string{"newsbot/prod/db": "canary-0"})
	p := signedIn(t, v, mouse{}, "#/secret/newsbot/prod/db", admin)
	button := byName(controls, "New version")
	p.wait(button)
	value[bool](p, "(window.before = "+button+") !== undefined")
	mouse{}.press(p, "New version")
	mouse{}.fill(p, "New value", "canary-1")
	mouse{}.press(p, "Save version")
	p.wait(byName(controls, "Restore version 1")) // the page is refreshed
	is.True(p.isTrue("window.before === " + button))
}

// TestConflictShowsBothValues covers a value that was read before (If-Match, status 412) and one
// that was not.
func TestConflictShowsBothValues(t *testing.T) {
	for name, reveal := range map[string]bool{"read before": true, "not read": false} {
		t.Run(name, func(t *testing.T) {
			withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
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
				is.Equal(v.get("newsbot/prod/db"), "canary-theirs")                             // not overwritten
				is.Equal(value[string](p, byName(fields, "New value")+".value"), "canary-mine") // not lost
				is.True(value[bool](p, `!document.body.innerText.includes("canary-theirs")`))   // not shown until revealed
				pressElement(p, h, `document.querySelector(".caution button")`)
				p.see("canary-theirs")
				h.press(p, "Save mine as the next version")
				p.see("Version 3 is saved.")
				is.Equal(v.get("newsbot/prod/db"), "canary-mine")
			})
		})
	}
}

// TestExpiredIdentityKeepsTypedValue revokes the token while a new version is being typed.
func TestExpiredIdentityKeepsTypedValue(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
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
		p.see("The server no longer accepts this token.")
		h.fill(p, "Token", "canary-wrong")
		h.press(p, "Sign in")
		p.see("Wrong service or token.")
		is.Equal(value[string](p, `document.querySelector(".pane textarea").value`), "canary-2")
		h.fill(p, "Token", "canary-another-token")
		h.press(p, "Sign in")
		p.see("Version 2 is saved.") // the page repeated the request
		is.Equal(v.get("newsbot/prod/db"), "canary-2")
	})
}

func TestLeavingAnEditAsks(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "New version")
		h.fill(p, "New value", "canary-2")
		h.press(p, "Projects")
		p.see("Leave without saving?")
		h.press(p, "Cancel")
		is.Equal(value[string](p, byName(fields, "New value")+".value"), "canary-2")
		h.press(p, "Projects")
		h.press(p, "Leave without saving")
		p.see("Register a project")
		is.True(value[bool](p, `location.hash === "#/projects"`))
	})
}

func TestProjects(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
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
		p.see("rag is now the default.")
		h.press(p, "Delete newsbot")
		h.press(p, "Delete")
		p.see("the project has live secrets") // the server's text
		h.press(p, "Delete rag")
		h.press(p, "Delete")
		p.see("The project is deleted.")
		p.wait(`!document.querySelector("main").innerText.includes("retrieval")`)
		is.Equal(v.get("newsbot/prod/db"), "canary-1")
	})
}

// TestAllPagesAreLoaded checks that the list of projects and a history continue after the first
// page.
func TestAllPagesAreLoaded(t *testing.T) {
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
	p.isTrue(`(location.hash = "#/secret/newsbot/prod/db", true)`)
	p.wait(`document.querySelectorAll(".pane tbody tr").length === 1003`)
}

func TestAttention(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/lasting": "canary-1"})
		day := 24 * time.Hour
		v.putVersion("newsbot/prod/ends", myvault.NewVersion{Value: myvault.Text("canary-2"), Expires: time.Now().Add(20 * day)})
		v.putVersion("newsbot/prod/turns", myvault.NewVersion{Value: myvault.Text("canary-3"), RotateAfter: time.Now().Add(60 * day)})
		p := signedIn(t, v, h, "#/attention", admin)
		p.see("newsbot/prod/ends")
		p.see("Nothing is due in this period.")
		const unused = `document.querySelector("main .card:last-of-type").innerText`
		p.wait(unused + `.includes("lasting")`) // never read
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

// pressElement presses a control whose name is not unique.
func pressElement(p *page, h inputDevice, element string) {
	p.t.Helper()
	if m, ok := h.(mouse); ok {
		m.click(p, element)
		return
	}
	keyboard{}.reach(p, element)
	keys(p, kbEnter)
}

// setDate sets a date field by script, because the order of its parts depends on the locale.
func setDate(p *page, label string, date time.Time) {
	p.t.Helper()
	p.wait(byName("input", label))
	value[bool](p, `((field, date) => { field.value = date; return true })(`+byName("input", label)+`, `+quote(date.Format(time.DateOnly))+`)`)
}

func TestTrailAccessHealth(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1", "rag/prod/key": "canary-2"}, serviceOf(t, "newsbot", "newsbot/prod/@read"))
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "Reveal")
		p.see("canary-1")
		h.press(p, "Who can read this?")
		p.see("2 services may read newsbot/prod/db")
		p.see("newsbot/prod/@read") // the deciding rule
		h.fill(p, "Also check the service", "stranger")
		h.press(p, "Show")
		p.see("denied")
		h.press(p, "Trail")
		p.see("Reads and refusals")
		h.fill(p, "Project", "newsbot")
		h.fill(p, "Action", "read")
		h.press(p, "Show")
		p.wait(`document.querySelectorAll(".stack-tight tbody tr").length === 1`)
		is.True(value[bool](p, `location.hash.includes("project=newsbot")`)) // a link that can be shared
		h.press(p, "Health")
		p.see("The store is available.")
		p.see("Ready for requests.")
		p.see("You are " + admin)
		p.see("The secrets are stored in the local store (sqlite).")
	})
}
