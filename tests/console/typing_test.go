package console_test

import (
	"testing"

	"github.com/matryer/is"
)

// TestWhatIsTypedOutlivesOtherChanges: of the same secret, by the same page, while a new version is written.
func TestWhatIsTypedOutlivesOtherChanges(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
		v.put(admin, "newsbot/prod/db", "canary-2")
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "New version")
		h.fill(p, "New value", "canary-mine")
		typed := func() string { return value[string](p, named(fields, "New value")+".value") }

		h.press(p, "Restore version 1")
		p.see("Version 1 is current again, as version 3.")
		p.wait(named(controls, "Restore version 2"))
		is.Equal(typed(), "canary-mine")

		h.press(p, "Save version") // it was begun when version 2 was the current one
		p.see("Version 3 was saved while you typed")
		is.Equal(typed(), "canary-mine")

		h.press(p, "Delete")
		pressElement(p, h, `document.querySelector("dialog[open] .danger")`)
		p.see("This secret is in the trash")
		is.Equal(typed(), "canary-mine")
	})
}

// TestASlowAnswerTakesNothing: somebody begins the next version before the page knows of the last one.
func TestASlowAnswerTakesNothing(t *testing.T) {
	byHand(t, func(t *testing.T, h hand) {
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
		p.wait("window.answer") // the page asks what is there now
		h.press(p, "New version")
		h.fill(p, "New value", "canary-3")
		p.wait("(window.answer(), true)")
		p.wait(named(controls, "Restore version 1"))
		is.Equal(value[string](p, named(fields, "New value")+".value"), "canary-3")
		is.True(value[bool](p, `document.activeElement === `+named(fields, "New value"))) // somebody types on
		h.press(p, "Save version")
		p.see("Version 3 is saved.") // on top of the one before, without a race
		is.Equal(v.get("newsbot/prod/db"), "canary-3")
	})
}
