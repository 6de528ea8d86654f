package console_test

import (
	"testing"

	"github.com/matryer/is"
)

// TestTypedValueSurvivesOtherChanges makes other changes to the secret, in the same page, while a
// new version is being typed.
func TestTypedValueSurvivesOtherChanges(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
		v.put(admin, "newsbot/prod/db", "canary-2")
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "New version")
		h.fill(p, "New value", "canary-mine")
		typed := func() string { return value[string](p, byName(fields, "New value")+".value") }

		h.press(p, "Restore version 1")
		p.see("Version 1 is current again, as version 3.")
		p.wait(byName(controls, "Restore version 2"))
		is.Equal(typed(), "canary-mine")

		h.press(p, "Save version") // the editor was opened at version 2
		p.see("Version 3 was saved while you typed")
		is.Equal(typed(), "canary-mine")

		h.press(p, "Delete")
		pressElement(p, h, `document.querySelector("dialog[open] .danger")`)
		p.see("This secret is in the trash")
		is.Equal(typed(), "canary-mine")
	})
}

// TestSlowResponseKeepsTypedValue starts the next version before the page has reloaded the last
// one.
func TestSlowResponseKeepsTypedValue(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "New version")
		h.fill(p, "New value", "canary-2")
		p.wait(`(() => {
			const at = window.fetch
			window.fetch = async (url, options) => {
				if (!window.answer && String(url).includes("/versions/")) await new Promise((go) => { window.answer = go })
				return at(url, options)
			}
			return true
		})()`)
		h.press(p, "Save version")
		p.see("Version 2 is saved.")
		p.wait("window.answer") // the page reloads the history
		h.press(p, "New version")
		h.fill(p, "New value", "canary-3")
		p.wait("(window.answer(), true)")
		p.wait(byName(controls, "Restore version 1"))
		is.Equal(value[string](p, byName(fields, "New value")+".value"), "canary-3")
		is.True(value[bool](p, `document.activeElement === `+byName(fields, "New value"))) // the focus stays
		h.press(p, "Save version")
		p.see("Version 3 is saved.") // without a conflict
		is.Equal(v.get("newsbot/prod/db"), "canary-3")
	})
}
