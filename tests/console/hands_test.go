package console_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// hand is how somebody uses the page. Every flow is written once, and done by each.
type hand interface {
	// press activates a button, link or other control with a name.
	press(p *page, name string)
	// fill replaces what stands in a field.
	fill(p *page, label, text string)
	// choose takes an option of a list.
	choose(p *page, label, option string)
	// pick activates a row of a tree or grid.
	pick(p *page, row string)
}

// byHand runs a flow with the mouse, and with the keyboard alone.
func byHand(t *testing.T, flow func(t *testing.T, h hand)) {
	t.Helper()
	for name, h := range map[string]hand{"mouse": mouse{}, "keyboard": keyboard{}} {
		t.Run(name, func(t *testing.T) { flow(t, h) })
	}
}

// finder gives the visible control with a name, as assistive technology tells it; of an open dialog where
// there is one.
const finder = `((kinds, name) => {
	const label = (e) => (e.getAttribute("aria-label") || (e.labels?.length ? e.labels[0].textContent : "") || e.textContent).trim()
	const root = [...document.querySelectorAll("dialog[open]")].pop() ?? document
	return [...root.querySelectorAll(kinds)].find((e) => e.checkVisibility({visibilityProperty: true}) && !e.disabled && label(e) === name)
})`

const (
	controls = "button, a[href], summary, input[type=checkbox], input[type=radio]"
	fields   = "input, textarea, select"
)

func named(kinds, name string) string {
	return fmt.Sprintf("%s(%s, %s)", finder, quoted(kinds), quoted(name))
}

// rowNamed is a row by its label; it may lie beyond what the page has made of a long list.
func rowNamed(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("[role=treeitem]")].find((e) => e.querySelector(".label").textContent === %s)`, quoted(name))
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

func (m mouse) press(p *page, name string) { p.t.Helper(); m.click(p, named(controls, name)) }
func (m mouse) pick(p *page, row string)   { p.t.Helper(); m.click(p, rowNamed(row)) }

func (m mouse) fill(p *page, label, text string) {
	p.t.Helper()
	m.click(p, named(fields, label))
	replace(p, text)
}

// choose sets the list itself: its menu is drawn by the system, where no test can click.
func (m mouse) choose(p *page, label, option string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("[...%s?.options ?? []].some((o) => o.textContent === %s)", named("select", label), quoted(option)))
	value[bool](p, fmt.Sprintf(`((list, text) => {
		list.selectedIndex = [...list.options].findIndex((o) => o.textContent === text)
		list.dispatchEvent(new Event("input", {bubbles: true}))
		list.dispatchEvent(new Event("change", {bubbles: true}))
		return true
	})(%s, %s)`, named("select", label), quoted(option)))
}

// keyboard reaches everything by Tab and arrows.
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
		if p.true("document.activeElement === " + element) {
			return
		}
		keys(p, kb.Tab)
	}
	p.t.Fatalf("Tab does not reach it: %s\nthe page shows:\n%s", element, p.text())
}

func (k keyboard) press(p *page, name string) {
	p.t.Helper()
	element := named(controls, name)
	k.reach(p, element)
	if p.true(element + `.matches("input")`) {
		keys(p, " ")
		return
	}
	keys(p, kb.Enter)
}

func (k keyboard) fill(p *page, label, text string) {
	p.t.Helper()
	k.reach(p, named(fields, label))
	replace(p, text)
}

func (k keyboard) choose(p *page, label, option string) {
	p.t.Helper()
	list := named("select", label)
	p.wait(fmt.Sprintf("[...%s?.options ?? []].some((o) => o.textContent === %s)", list, quoted(option)))
	k.reach(p, list)
	keys(p, kb.Home)
	for range 100 {
		if p.true(list + ".selectedOptions[0].textContent === " + quoted(option)) {
			return
		}
		keys(p, kb.ArrowDown)
	}
	p.t.Fatalf("there is no option %q of %q", option, label)
}

// pick goes down a list until the row is the active one.
func (k keyboard) pick(p *page, row string) {
	p.t.Helper()
	p.wait(rowNamed(row))
	k.reach(p, `document.querySelector("[role=tree]")`)
	keys(p, kb.Home)
	const active = `document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))`
	for range 300 {
		if p.true(active + `.querySelector(".label").textContent === ` + quoted(row)) {
			keys(p, kb.Enter)
			return
		}
		keys(p, kb.ArrowDown)
	}
	p.t.Fatalf("arrows do not reach the row %q", row)
}

// replace types text over what the field that has the focus holds, as a paste does.
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
