package console_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/matryer/is"
)

func TestMatrix(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"a/dev/x": "canary", "a/prod/x": "canary", "a/prod/y": "canary", "b/eu/prod/z": "canary", "a/alone": "canary"})
		time.Sleep(10 * time.Millisecond) // the page compares times in milliseconds
		v.put(admin, "a/prod/x", "canary")
		p := signedIn(t, v, h, "#/matrix", admin)
		h.choose(p, "Project", "a")
		p.see("2 names, 1 missing, 0 older; without this part: 1 name")
		h.choose(p, "Mark as older after", "any time")
		p.see("1 older")
		h.press(p, "Only rows with a gap")
		p.wait(`document.querySelectorAll("[role=gridcell]").length === 4`)
		is.Equal(value[string](p, `[...document.querySelectorAll("[role=columnheader]")].map((e) => e.textContent).join()`), "Name,dev,prod")
		openCell(p, h, 1, 0)
		p.see("Create secret") // for the missing secret
		is.Equal(value[string](p, byName(fields, "Path")+".value"), "dev/y")
		is.Equal(v.reads(), 0)
	})
}

// openCell opens a cell of the matrix.
func openCell(p *page, h inputDevice, row, column int) {
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
