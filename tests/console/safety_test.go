package console_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	browserdomain "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// TestMarkupStaysText covers markup in a value, a description, a name and a server's error.
func TestMarkupStaysText(t *testing.T) {
	const markup = `<img src=x onerror="document.title='canary run'"><script>document.title='canary run'</script>&lt;b>`
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/(it's)&co": markup})
		_, err := v.vault.As(admin).PutProject(t.Context(), myvault.Project{Name: "newsbot", Description: markup}, myvault.IfPresent())
		is.NoErr(err)
		p := signedIn(t, v, h, "#/secret/newsbot/prod/"+"(it's)%26co", admin)
		h.press(p, "Reveal")
		p.see(markup)
		h.press(p, "Projects")
		p.see(markup)
		value[bool](p, `(location.hash = "#/secret/newsbot/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", true)`)
		p.see("<img src=x onerror=alert(1)>")
		p.see("The request is malformed.") // the name is invalid
		is.Equal(value[int](p, `document.querySelectorAll("main img, main script").length`), 0)
	})
}

// TestSignOutLeavesNothing checks that the page and its memory have no value and no token
// afterwards.
func TestSignOutLeavesNothing(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		h.press(p, "Reveal")
		p.see("canary-1")
		is.True(strings.Contains(p.heap(), "canary-1")) // the check can find values
		is.True(strings.Contains(p.heap(), token(admin)))
		h.press(p, "Sign out")
		p.wait(byName(fields, "Token"))
		is.Equal(value[string](p, `[...document.querySelectorAll("input")].map((i) => i.value).join("") + document.documentElement.outerHTML.match(/canary/g)`), "null")
		heap := p.heap()
		is.True(len(heap) > 100_000)
		is.True(!strings.Contains(heap, "canary"))
	})
}

// heap returns a snapshot of the JavaScript heap of the page.
func (p *page) heap() string {
	p.t.Helper()
	var mu sync.Mutex
	var text strings.Builder
	ctx, stop := context.WithCancel(p.ctx)
	defer stop()
	p.must(chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*heapprofiler.EventAddHeapSnapshotChunk); ok {
			mu.Lock()
			defer mu.Unlock()
			text.WriteString(e.Chunk)
		}
	}))
	_, err := chromedp.Call(ctx, heapprofiler.CollectGarbage, cdp.Empty{})
	p.must(err)
	_, err = chromedp.Call(ctx, heapprofiler.TakeHeapSnapshot, heapprofiler.TakeHeapSnapshotParams{})
	p.must(err)
	mu.Lock()
	defer mu.Unlock()
	return text.String()
}

// TestAReloadForgets checks that a reload clears the token and the shown value.
func TestAReloadForgets(t *testing.T) {
	v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
	p := signedIn(t, v, mouse{}, "#/secret/newsbot/prod/db", admin)
	mouse{}.press(p, "Reveal")
	p.see("canary-1")
	p.must(chromedp.Do(p.ctx, chromedp.Reload()))
	p.wait(byName(fields, "Token"))
	is.New(t).True(!strings.Contains(p.heap(), "canary"))
}

// fastTimers makes the timers of a page run a hundred times faster.
const fastTimers = `(() => { const original = setInterval; setInterval = (f, ms) => original(f, ms / 100) })()`

func TestAValueHidesItself(t *testing.T) {
	v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
	p := open(t, v, "#/secret/newsbot/prod/db", fastTimers)
	signIn(p, mouse{}, admin)
	mouse{}.press(p, "Reveal")
	p.see("The value is hidden again.")
	p.gone("canary-1")
	is.New(t).Equal(v.reads(), 1)
}

// TestCopyShowsNothing checks that copying makes one read and that the value is not in the
// page.
func TestCopyShowsNothing(t *testing.T) {
	withMouseAndKeyboard(t, func(t *testing.T, h inputDevice) {
		is := is.New(t)
		v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"})
		p := signedIn(t, v, h, "#/secret/newsbot/prod/db", admin)
		for _, name := range []string{"clipboard-read", "clipboard-write"} {
			_, err := chromedp.CallBrowser(p.ctx, browserdomain.SetPermission, browserdomain.SetPermissionParams{
				Permission: &browserdomain.PermissionDescriptor{Name: name}, Setting: browserdomain.PermissionSettingGranted,
				BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
			})
			is.NoErr(err)
		}
		h.press(p, "Copy")
		p.see("The value was copied.")
		is.Equal(value[string](p, `navigator.clipboard.readText()`), "canary-1")
		is.True(!strings.Contains(value[string](p, `document.documentElement.outerHTML`), "canary-1"))
		is.Equal(v.reads(), 1)
	})
}

// TestDeepLink checks that a link to a secret is followed after sign-in, without a read.
func TestDeepLink(t *testing.T) {
	is := is.New(t)
	v := serve(t, map[string]string{"newsbot/prod/ключ 1": "canary-1"})
	p := signedIn(t, v, mouse{}, "#/secret/newsbot/prod/%D0%BA%D0%BB%D1%8E%D1%87%201", admin)
	p.see("The value is hidden.")
	p.see("ключ 1")
	is.Equal(v.reads(), 0)
}

func TestErrorsSayWhatToDo(t *testing.T) {
	v := serve(t, map[string]string{"newsbot/prod/db": "canary-1"}, serviceOf(t, "reader", "newsbot/prod/@read+list"))
	p := signedIn(t, v, keyboard{}, "#/secret/newsbot/prod/db", "reader")
	for _, c := range []struct {
		fragment string
		want     []string
	}{
		{"#/secret/newsbot/prod/none", []string{"Not found.", "Refresh the list"}},
		{"#/secret/rag/prod/x", []string{"The policy does not allow this.", "What you may do"}},
		{"#/access?project=newsbot&path=prod/db", []string{"The policy does not allow this.", "ask the operator for a rule"}},
		{"#/trail", []string{"No matching entries"}},
		{"#/trash", []string{"The trash is empty."}},
	} {
		value[bool](p, "(location.hash = "+quote(c.fragment)+", true)")
		for _, text := range c.want {
			p.see(text)
		}
	}
	is.New(t).Equal(v.reads(), 0)
}

// TestTenThousandNames checks that the page creates a bounded number of elements. It logs how long
// the browser took for each keystroke.
func TestTenThousandNames(t *testing.T) {
	is := is.New(t)
	v := serve(t, nil)
	for i := range 10 {
		changes := make([]myvault.Change, 1000)
		for j := range changes {
			changes[j] = myvault.Change{Op: myvault.OpPut, Value: myvault.Text("canary"), Address: myvault.Address{
				Project: fmt.Sprintf("project-%02d", i), Path: fmt.Sprintf("%s/service-%03d/key-%04d", []string{"dev", "staging", "prod"}[j%3], j/20, j)}}
		}
		_, err := v.vault.As(admin).Apply(t.Context(), changes...)
		is.NoErr(err)
	}
	p := open(t, v, "", measureKeystrokes)
	signIn(p, keyboard{}, admin)
	p.see("10,000 names")
	keyboard{}.reach(p, byName(fields, "Filter names"))
	const typed = "prod service-01 key-0"
	before := p.cpuSeconds()
	for _, letter := range typed {
		keys(p, string(letter))
	}
	p.see("of 10,000 names")
	is.True(value[int](p, `document.querySelectorAll(".row").length`) < 60)
	is.True(value[int](p, `document.querySelectorAll("*").length`) < 600)
	p.wait(`strokes.length >= ` + fmt.Sprint(len(typed)))
	took := (p.cpuSeconds() - before) * 1000 / float64(len(typed))
	longest := value[float64](p, `Math.max(...strokes)`)
	frames := value[float64](p, `slowest`)
	t.Logf("10,000 names, %d keystrokes: slowest until drawn %.1f ms; longest event timing %.0f ms; average CPU time %.1f ms", len(typed), longest, frames, took)
	keyboard{}.fill(p, "Filter names", "")
	p.see("10,000 names")
	keyboard{}.pick(p, "project-03") // closes a project
	p.wait(`[...document.querySelectorAll("[aria-expanded=false] .label")].some((e) => e.textContent === "project-03")`)
	keys(p, kbDown)
	is.Equal(v.reads(), 0)
}

// cpuSeconds returns the CPU time that the page's thread has used.
func (p *page) cpuSeconds() float64 {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, performance.Enable, performance.EnableParams{TimeDomain: performance.EnableTimeDomainThreadTicks})
	p.must(err)
	found, err := chromedp.Call(p.ctx, performance.GetMetrics, cdp.Empty{})
	p.must(err)
	for _, metric := range found.Metrics {
		if metric.Name == "TaskDuration" {
			return metric.Value
		}
	}
	p.t.Fatal("the browser does not report TaskDuration")
	return 0
}

// measureKeystrokes records for each input the time until the next frame, and the longest
// duration of the browser's event timing, which covers events of at least 16 ms.
const measureKeystrokes = `var strokes = [], slowest = 0
addEventListener("input", () => {
	const from = performance.now()
	requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = () => strokes.push(performance.now() - from); c.port2.postMessage(0) })
}, true)
new PerformanceObserver((list) => { for (const e of list.getEntries()) if (/key|input/.test(e.name)) slowest = Math.max(slowest, e.duration) }).observe({type: "event", durationThreshold: 16, buffered: true})`
