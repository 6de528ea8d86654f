package console_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// inputDevice is the mouse or the keyboard. Every flow runs with both.
type inputDevice interface {
	// press activates a button, link or other control by its name.
	press(p *page, name string)
	// fill replaces the text of a field.
	fill(p *page, label, text string)
	// choose selects an option of a list.
	choose(p *page, label, option string)
	// pick activates a row of a tree.
	pick(p *page, row string)
}

// withMouseAndKeyboard runs a flow once with the mouse and once with only the keyboard.
func withMouseAndKeyboard(t *testing.T, flow func(t *testing.T, h inputDevice)) {
	t.Helper()
	for name, h := range map[string]inputDevice{"mouse": mouse{}, "keyboard": keyboard{}} {
		t.Run(name, func(t *testing.T) { flow(t, h) })
	}
}

// findControl returns the visible control with an accessible name. If a dialog is open, it searches
// only there.
const findControl = `((kinds, name) => {
	const label = (e) => (e.getAttribute("aria-label") || (e.labels?.length ? e.labels[0].textContent : "") || e.textContent).trim()
	const root = [...document.querySelectorAll("dialog[open]")].pop() ?? document
	return [...root.querySelectorAll(kinds)].find((e) => e.checkVisibility({visibilityProperty: true}) && !e.disabled && label(e) === name)
})`

const (
	controls = "button, a[href], summary, input[type=checkbox], input[type=radio]"
	fields   = "input, textarea, select"
)

func byName(kinds, name string) string {
	return fmt.Sprintf("%s(%s, %s)", findControl, quote(kinds), quote(name))
}

// rowByLabel returns a row by its label, if the page has created it.
func rowByLabel(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("[role=treeitem]")].find((e) => e.querySelector(".label").textContent === %s)`, quote(name))
}

type mouse struct{}

func (mouse) click(p *page, element string) {
	p.t.Helper()
	p.wait(element)
	at := value[struct{ X, Y float64 }](p, `(() => {
		const e = `+element+`
		e.scrollIntoView({block: "center", behavior: "instant"})
		const r = e.getBoundingClientRect()
		return {X: r.left + Math.min(r.width / 2, 60), Y: r.top + r.height / 2}
	})()`)
	p.must(chromedp.Do(p.ctx, chromedp.MouseClickXY(at.X, at.Y)))
}

func (m mouse) press(p *page, name string) { p.t.Helper(); m.click(p, byName(controls, name)) }
func (m mouse) pick(p *page, row string)   { p.t.Helper(); m.click(p, rowByLabel(row)) }

func (m mouse) fill(p *page, label, text string) {
	p.t.Helper()
	m.click(p, byName(fields, label))
	replace(p, text)
}

// choose sets the list by script. Its menu is drawn by the system, where a test cannot click.
func (m mouse) choose(p *page, label, option string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("[...%s?.options ?? []].some((o) => o.textContent === %s)", byName("select", label), quote(option)))
	value[bool](p, fmt.Sprintf(`((list, text) => {
		list.selectedIndex = [...list.options].findIndex((o) => o.textContent === text)
		list.dispatchEvent(new Event("input", {bubbles: true}))
		list.dispatchEvent(new Event("change", {bubbles: true}))
		return true
	})(%s, %s)`, byName("select", label), quote(option)))
}

// keyboard moves with Tab and the arrow keys.
type keyboard struct{}

func keys(p *page, text string, options ...chromedp.KeyOption) {
	p.t.Helper()
	p.must(chromedp.Do(p.ctx, chromedp.KeyEvent(text, options...)))
}

// reach presses Tab until the control has the focus.
func (keyboard) reach(p *page, element string) {
	p.t.Helper()
	p.wait(element)
	for range 200 {
		if p.isTrue("document.activeElement === " + element) {
			return
		}
		keys(p, kb.Tab)
	}
	p.t.Fatalf("Tab does not reach %s\nthe page shows:\n%s", element, p.text())
}

func (k keyboard) press(p *page, name string) {
	p.t.Helper()
	element := byName(controls, name)
	k.reach(p, element)
	if p.isTrue(element + `.matches("input")`) {
		keys(p, " ")
		return
	}
	keys(p, kb.Enter)
}

func (k keyboard) fill(p *page, label, text string) {
	p.t.Helper()
	k.reach(p, byName(fields, label))
	replace(p, text)
}

func (k keyboard) choose(p *page, label, option string) {
	p.t.Helper()
	list := byName("select", label)
	p.wait(fmt.Sprintf("[...%s?.options ?? []].some((o) => o.textContent === %s)", list, quote(option)))
	k.reach(p, list)
	keys(p, kb.Home)
	for range 100 {
		if p.isTrue(list + ".selectedOptions[0].textContent === " + quote(option)) {
			return
		}
		keys(p, kb.ArrowDown)
	}
	p.t.Fatalf("no option %q in %q", option, label)
}

// pick moves down a list until the row is active, and presses Enter.
func (k keyboard) pick(p *page, row string) {
	p.t.Helper()
	p.wait(rowByLabel(row))
	k.reach(p, `document.querySelector("[role=tree]")`)
	keys(p, kb.Home)
	const active = `document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))`
	for range 300 {
		if p.isTrue(active + `.querySelector(".label").textContent === ` + quote(row)) {
			keys(p, kb.Enter)
			return
		}
		keys(p, kb.ArrowDown)
	}
	p.t.Fatalf("arrow keys do not reach the row %q", row)
}

// replace replaces the text of the focused field, like a paste.
func replace(p *page, text string) {
	p.t.Helper()
	keys(p, "a", chromedp.KeyModifiers(chromedp.ModifierCtrl))
	if text == "" {
		keys(p, kb.Delete)
		return
	}
	_, err := chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: text})
	p.must(err)
}

const (
	kbDown  = kb.ArrowDown
	kbRight = kb.ArrowRight
	kbEnter = kb.Enter
)
